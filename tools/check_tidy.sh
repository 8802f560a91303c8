#!/usr/bin/env bash
# clang-tidy finds nothing in src and capi. The argument is a build tree with a compile_commands.json.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tree=${1:-build/dev}

tidy=$(command -v clang-tidy-14 || command -v clang-tidy)
mapfile -t files < <(tools/list_files.sh '^(src|capi)/.*\.cpp$')
# A file that this processor's build leaves out (another ISA's kernels) has no command to check it by.
compiled=()
for file in "${files[@]}"; do
  if grep -qF "\"file\": \"$PWD/$file\"" "$tree/compile_commands.json"; then compiled+=("$file"); fi
done
if [[ ${#compiled[@]} == 0 ]]; then
  echo "FAIL tidy: no file of src or capi stands in $tree/compile_commands.json"
  exit 1
fi

# The commands are gcc's; what clang does not know of them is no finding.
if details=$(printf '%s\n' "${compiled[@]}" | xargs -P 2 -n 1 "$tidy" --quiet -p "$tree" \
  --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-ignored-optimization-argument 2>&1); then
  echo "ok   tidy: ${#compiled[@]} files"
else
  # A header is seen by many files, and its findings are told once.
  findings=$(grep -E '(error|warning):' <<<"$details" | sed "s#$PWD/##" | sort -u || tail -n 20 <<<"$details")
  echo "FAIL tidy: $(wc -l <<<"$findings") findings"
  head -n 60 <<<"$findings" | sed 's/^/       /'
  exit 1
fi
