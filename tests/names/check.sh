#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: sh check.sh NAMES.txt SOURCE PROGRAM COMPILER [FLAG...]
# Compiles SOURCE to PROGRAM, runs it, and compares what it prints with NAMES.txt.
set -eu
expected=$1 source=$2 program=$3
shift 3
"$@" "$source" -o "$program"
"$program" >"$program.txt"
diff -u "$expected" "$program.txt"
