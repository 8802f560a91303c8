#!/usr/bin/env bash
# C and C++ look as clang-format makes them look. `./run format` mends it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Versions differ in taste, so the one that .clang-format was written for goes first.
formatter=$(command -v clang-format-14 || command -v clang-format)
mapfile -t files < <(tools/list_files.sh '\.(c|h|cpp|hpp)$')

if [[ ${1:-} == --fix ]]; then
  "$formatter" -i "${files[@]}"
elif details=$("$formatter" --dry-run -Werror "${files[@]}" 2>&1); then
  echo "ok   format: ${#files[@]} files"
else
  echo "FAIL format: $(grep -c 'error:' <<<"$details") places; ./run format mends them"
  grep 'error:' <<<"$details" | head -n 20 | sed 's/^/       /'
  exit 1
fi
