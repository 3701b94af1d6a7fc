#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks one case: a file that compiles with -DFIXED (the control) and does not without. The compiler's words
# must hold every pattern (extended regular expression) of a line
#     // says: PATTERN
# so that the file fails for the reason that it is about.
#
#   check.sh COMPILER INCLUDE_DIR FILE [PRECOMPILED]
#   check.sh COMPILER INCLUDE_DIR --precompile PRECOMPILED   makes what the fourth argument names: most of a case is
#                                                            its headers, which are the same in all of them
set -uo pipefail
compiler=$1 include=$2 file=$3 precompiled=${4-}
flags=(-std=c++20 -Wall -Wextra -Werror -I "$include")

if [[ $file == --precompile ]]; then
  mkdir -p "$precompiled"
  for header in moxie/moe/moe_layer.hpp moxie/moe/bank.hpp moxie/router/top_k.hpp moxie/router/any_router.hpp \
    moxie/expert/any_expert.hpp moxie/expert/gated_mlp.hpp moxie/testing/router_laws.hpp \
    moxie/tool/tool.hpp; do
    echo "#include <$header>"
  done >"$precompiled/all.hpp"
  # clang takes all.hpp.pch for all.hpp as g++ takes all.hpp.gch.
  suffix=gch
  "$compiler" --version | grep -q clang && suffix=pch
  exec "$compiler" "${flags[@]}" -x c++-header "$precompiled/all.hpp" -o "$precompiled/all.hpp.$suffix"
fi

name=$(basename "$file" .cpp)
compile=("$compiler" "${flags[@]}" -fsyntax-only)
[[ -n $precompiled ]] && compile+=(-Winvalid-pch -include "$precompiled/all.hpp")

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
