#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a libFuzzer program, and fails also where it is blind: where the coverage that guides it does not include the code
# that it tests. That is so where the library was compiled without -fsanitize=fuzzer-no-link: what libFuzzer then counts
# are the program's own branches.
#
#   run_guided.sh FOLDER... -- PROGRAM ARGUMENTS...
#
# FOLDER, below src, holds code that PROGRAM tests.
set -euo pipefail

folders=()
while [[ $# -gt 0 && $1 != -- ]]; do
  folders+=("$1")
  shift
done
if [[ $# -lt 2 || ${#folders[@]} -eq 0 ]]; then
  echo "usage: run_guided.sh FOLDER... -- PROGRAM ARGUMENTS..." >&2
  exit 2
fi
shift

log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$@" -print_coverage=1 2>&1 | tee "$log" | { grep -av 'COVERED_' || true; }
for folder in "${folders[@]}"; do
  # With a file for each function, thanks to llvm-symbolizer.
  covered=$(grep -ac "^COVERED_FUNC: .*/src/$folder/" "$log" || true)
  echo "coverage: $covered functions of src/$folder"
  if ((covered == 0)); then
    if grep -aq '^COVERED_FUNC: .*/src/\|^COVERED_FUNC: .*/include/' "$log"; then
      echo "blind: no function of src/$folder is among those that are covered" >&2
    else
      echo "blind: no covered function has a file (is the library compiled with -fsanitize=fuzzer-no-link," \
           "and llvm-symbolizer installed?)" >&2
    fi
    exit 1
  fi
done
