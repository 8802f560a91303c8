#!/usr/bin/env bash
# Lists the files of the project, a line each, relative to its root: what git tracks or would track, and without git
# everything but what is built. An argument is an extended regular expression that the paths must match.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

with_git() { git ls-files --cached --others --exclude-standard 2>/dev/null; }
without_git() {
  find . \( -path ./.git -o -path ./build -o -name __pycache__ -o -path './.cache' \) -prune -o -type f -print |
    sed 's#^\./##' | grep -vE '^[^/]*\.svg$'
}

{ with_git || without_git; } | sort -u | while read -r path; do
  # git also lists what was deleted but not yet staged.
  if [[ -f $path && $path =~ ${1:-.} ]]; then printf '%s\n' "$path"; fi
done
