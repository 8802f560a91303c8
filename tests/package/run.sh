#!/usr/bin/env bash
# Installs a build tree into a temporary place and builds a program against it in the ways that hosts do: by CMake, by
# pkg-config, and by hand. Arguments: the build tree, the source tree. Ends with 77 where that means nothing.
set -euo pipefail
build=$(cd "$1" && pwd)
source=$(cd "$2" && pwd)/tests/package
cc=${CC:-cc}
generator=$(sed -n 's/^CMAKE_GENERATOR:INTERNAL=//p' "$build/CMakeCache.txt")

if grep -qE '__(asan|tsan)_init' "$build/libnadir.so"; then
  echo "skipped: a library under a sanitizer wants programs under it"
  exit 77
fi

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
prefix=$temporary/prefix

# Runs a command quietly, but shows what a failing one said.
quietly() {
  if ! "$@" >"$temporary/log" 2>&1; then
    cat "$temporary/log"
    echo "failed: $*"
    exit 1
  fi
}

quietly cmake --install "$build" --prefix "$prefix"
# The name of the folder differs between distributions: lib, lib64, lib/x86_64-linux-gnu.
library=$(find "$prefix" -name libnadir.so -print -quit)
[[ -n $library ]] || { echo "no libnadir.so was installed"; exit 1; }
folder=$(dirname "$library")

echo "by CMake"
quietly cmake -S "$source" -B "$temporary/cmake" -G "$generator" -DCMAKE_PREFIX_PATH="$prefix"
quietly cmake --build "$temporary/cmake"
"$temporary/cmake/main"

echo "by pkg-config"
export PKG_CONFIG_PATH=$folder/pkgconfig
read -ra flags <<<"$(pkg-config --cflags --libs nadir)"
quietly "$cc" -std=c99 "$source/main.c" -o "$temporary/by-pkg-config" "${flags[@]}" -lm
LD_LIBRARY_PATH=$folder "$temporary/by-pkg-config"
version=$(sed -n 's/^#define NADIR_VERSION_[A-Z]* //p' "$prefix/include/nadir/nadir.h" | paste -sd.)
[[ $(pkg-config --modversion nadir) == "$version" ]] || { echo "nadir.pc and nadir.h differ in version"; exit 1; }

echo "by hand"
quietly "$cc" -std=c99 -I"$prefix/include" "$source/main.c" -o "$temporary/by-hand" -L"$folder" -lnadir -lm
LD_LIBRARY_PATH=$folder "$temporary/by-hand"
