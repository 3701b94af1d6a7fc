#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks one case: a file that compiles with -DFIXED (the control) and does not without. The compiler's words
# must hold every pattern (extended regular expression) of a line
#     // says: PATTERN
# so that the file fails for the reason that it is about.
#
#   check.sh COMPILER INCLUDE_DIR FILE
set -uo pipefail
compiler=$1 include=$2 file=$3
name=$(basename "$file" .cpp)
compile=("$compiler" -std=c++20 -fsyntax-only -Wall -Wextra -Werror -I "$include")

wrong() {
  echo "compile_fail: $name: $1"
  [[ -n ${2-} ]] && head -c 4000 <<<"$2"
  exit 1
}

mapfile -t patterns < <(sed -n 's|^// says: ||p' "$file")
((${#patterns[@]} > 0)) || wrong "has no line '// says: PATTERN'"
words=$("${compile[@]}" -DFIXED "$file" 2>&1) || wrong "the control does not compile" "$words"
words=$("${compile[@]}" "$file" 2>&1) && wrong "compiles"
for pattern in "${patterns[@]}"; do
  grep -qE -- "$pattern" <<<"$words" || wrong "does not say '$pattern', but" "$words"
done
