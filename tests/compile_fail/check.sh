#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: check.sh SOURCE COMPILER FLAGS...
# A source whose first line is "// error: TEXT" must be refused with TEXT in the compiler's output. A
# source without that line is a control: it must compile, or the others fail for a wrong reason.
source=$1
shift
text=$(sed -n '1s|^// error: ||p' "$source")
output=$("$@" "$source" 2>&1)
status=$?

if [ -z "$text" ]; then
  [ $status -eq 0 ] && exit 0
  echo "$source is a control and must compile with $1:"
elif [ $status -eq 0 ]; then
  echo "$source compiles with $1, but must be refused with: $text"
  exit 1
else
  printf '%s\n' "$output" | grep -qF -e "$text" && exit 0
  echo "$source is refused by $1, but not with: $text"
fi
printf '%s\n' "$output" | head -n 30
exit 1
