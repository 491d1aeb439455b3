# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034,SC2154,SC2086
# Sourced by tests/run and examples/cifar10/run, which set $root: puts in place what a build needs, and configures it.
# Debian and Ubuntu packages are installed where we are root. Elsewhere a missing compiler or tool is
# named with the line that installs it, and CMake downloads missing libraries at pinned checksums.

# has_header COMPILER HEADER [FLAGS]: whether the compiler finds the header.
has_header() {
  echo "#include <$2>" | "$1" -x c++ -std=c++20 ${3:-} -fsyntax-only - 2>/dev/null
}

# need PACKAGE COMMAND...: notes the package as missing if the command fails.
need() {
  package=$1
  shift
  "$@" >/dev/null 2>&1 || missing="$missing $package"
}

# The packages that are not there: tools without which nothing works, then libraries.
find_missing_tools() {
  missing=
  need g++ command -v g++
  need cmake command -v cmake
  command -v ninja >/dev/null || need ninja-build command -v make
  need python3 command -v python3
  command -v nvcc >/dev/null || [ -d /usr/local/cuda ] || need python3-pip python3 -m pip --version
  ! command -v clang++ >/dev/null || need libomp-dev has_header clang++ omp.h -fopenmp
}
find_missing_libraries() {
  missing=
  need doctest-dev has_header g++ doctest/doctest.h
  need libcli11-dev has_header g++ CLI/CLI.hpp
  need libstb-dev has_header g++ stb/stb_image.h
}

# Installs $missing, quietly; false if that is not possible here.
install_missing() {
  [ -n "$missing" ] || return 0
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  echo "installing:$missing"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -q && apt-get install -q -y --no-install-recommends $missing; } >"$1" 2>&1
}

# set_up BUILD: installs what is missing and sets $jobs.
set_up() {
  mkdir -p "$1/log"
  find_missing_tools
  if ! install_missing "$1/log/apt-tools.log"; then
    echo "These packages are missing:$missing. Install them, on Debian or Ubuntu with" >&2
    echo "  sudo apt-get install$missing" >&2
    return 1
  fi
  find_missing_libraries
  install_missing "$1/log/apt-libraries.log" ||
    echo "CMake will download:$missing (or stop and: sudo apt-get install$missing)"
  jobs=$(getconf _NPROCESSORS_ONLN)
}

# generator BUILD: the option that names the build tool, for a folder not configured yet.
generator() {
  if [ ! -f "$1/CMakeCache.txt" ]; then
    command -v ninja >/dev/null && echo -GNinja || echo '-GUnix Makefiles'
  fi
}

# configure BUILD OPTION...: runs CMake with the preset "host" in that folder.
configure() {
  folder=$1
  shift
  tool=$(generator "$folder")
  cmake -S "$root" --preset host -B "$folder" ${tool:+"$tool"} "$@"
}
