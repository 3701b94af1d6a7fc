#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# cmake/check_layers.sh must pass a right tree and reject each of these wrong lines, one at a time.
set -euo pipefail
check=$(cd "$(dirname "$0")/../.." && pwd)/cmake/check_layers.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0 cases=0

plant() { # FILE LINE
  rm -rf "$tree/include" "$tree/src"
  mkdir -p "$tree/include/moxie/core" "$tree/src/core" "$(dirname "$tree/$1")"
  echo '#include <cstddef>' >"$tree/include/moxie/core/views.hpp"
  echo '#define MOXIE_ABI_VERSION 7' >"$tree/include/moxie/core/version.hpp"
  printf '%s\n' '#pragma once' "$2" >"$tree/$1"
}
rejects() { # FILE LINE WORDS-OF-THE-REASON
  cases=$((cases + 1))
  plant "$1" "$2"
  local out
  if out=$("$check" "$tree" 2>&1); then
    echo "not rejected: $1: $2"
    failures=$((failures + 1))
  elif [[ $out != *"$1:2: "*"$3"* ]]; then
    printf 'rejected for another reason: %s: %s\n%s\n' "$1" "$2" "$out"
    failures=$((failures + 1))
  fi
}
accepts() { # FILE LINE
  cases=$((cases + 1))
  plant "$1" "$2"
  local out
  if ! out=$("$check" "$tree" 2>&1); then
    printf 'wrongly rejected: %s: %s\n%s\n' "$1" "$2" "$out"
    failures=$((failures + 1))
  fi
}

# Layers: above, beside, unknown, by either form of include, in public and in private files.
rejects include/moxie/core/a.hpp '#include <moxie/model/model.hpp>' 'model does not lie below core'
rejects include/moxie/router/a.hpp '#include <moxie/expert/expert.hpp>' 'expert does not lie below router'
rejects include/moxie/format/a.hpp '#  include  <moxie/backend/backend.hpp>' 'backend does not lie below format'
rejects src/context/a.cpp '#include "kernel/batch.hpp"' 'kernel does not lie below context'
rejects src/model/a.cpp '#include <moxie/kernel/kernel.hpp>' 'kernel does not lie below model'
rejects src/model/a.cpp '#include <moxie/tool/tool.hpp>' 'tool does not lie below model'
rejects src/moe/a.cpp '#include <moxie/text/tokenizer.hpp>' 'text does not lie below moe'
rejects src/text/a.cpp '#include <moxie/router/router.hpp>' 'router does not lie below text'
rejects src/tool/a.cpp '#include <moxie/context/context.hpp>' 'context does not lie below tool'
rejects src/text/a.cpp '#include "constraint/grammar.hpp"' 'constraint does not lie below text'
rejects src/kernel/a.cpp '#include "chat/chat_state.hpp"' 'chat does not lie below kernel'
rejects src/agent/a.cpp '#include "mcp/client.hpp"' 'mcp does not lie below agent'
rejects src/backend/onednn/a.cpp '#include "format/checkpoint.hpp"' 'format does not lie below backend'
rejects src/format/a.cpp '#include "../backend/worker.hpp"' 'not upwards'
rejects src/model/a.cpp '#include <moxie/moxie.hpp>' 'above all layers'
rejects src/model/a.cpp '#include <moxie/testing/expert_laws.hpp>' 'testing/'
rejects src/model/a.cpp '#include <moxie/nothing/a.hpp>' "no layer is called 'nothing'"
accepts include/moxie/kernel/a.hpp '#include <moxie/model/model.hpp>'
accepts src/kernel/a.cpp '#include <moxie/text/tokenizer.hpp>'
accepts src/model/a.cpp '#include <moxie/text/tokenizer.hpp>'
accepts src/tool/a.cpp '#include <moxie/format/json_value.hpp>'
accepts src/chat/a.cpp '#include <moxie/tool/toolbox.hpp>'
accepts src/chat/a.cpp '#include "kernel/kernel_state.hpp"'
accepts src/agent/a.cpp '#include <moxie/core/status.hpp>'
accepts include/moxie/router/a.hpp '#include <moxie/backend/backend.hpp>'
accepts include/moxie/router/a.hpp '#include <moxie/router/b.hpp>'
accepts include/moxie/testing/a.hpp '#include <moxie/kernel/kernel.hpp>'
accepts include/moxie/moxie.hpp '#include <moxie/kernel/kernel.hpp>'
accepts src/backend/onednn/a.cpp '#include "backend/worker.hpp"'
accepts src/backend/onednn/a.cpp '#include "onednn/engine.hpp"'
accepts src/model/a.cpp '#include "a.hpp"'

# Names.
rejects include/moxie/core/a.hpp 'namespace moxie {' 'without its version: namespace moxie::inline abi7'
rejects src/model/a.cpp 'namespace moxie::model {' 'without its version'
rejects src/model/a.cpp 'namespace moxie' 'without its version'
rejects src/model/a.cpp 'namespace moxie::inline abi6 {' 'without its version'
rejects src/model/a.cpp 'namespace moxie::inline abi77::model {' 'without its version'
rejects src/model/a.cpp 'namespace moxie::abi7 {' 'without its version'
rejects include/moxie/testing/a.hpp 'namespace moxie::testing {' 'without its version'
accepts include/moxie/core/a.hpp 'namespace moxie::inline abi7 {'
accepts include/moxie/core/a.hpp 'namespace moxie::inline abi7::utf8 {'
accepts src/model/a.cpp 'namespace moxie::inline abi7::backend::quant { namespace moxielike {'
accepts src/model/a.cpp 'namespace q = moxie::backend::quant;'

# Vendors.
rejects src/backend/a.cpp '#include <dnnl.hpp>' 'oneDNN'
rejects src/backend/a.cpp '#include <oneapi/dnnl/dnnl_version.h>' 'oneDNN'
rejects src/kernel/a.cpp '#include <omp.h>' 'OpenMP'
rejects include/moxie/format/a.hpp '#include <nlohmann/json.hpp>' 'nlohmann'
rejects include/moxie/expert/a.hpp '#include <Eigen/Core>' 'Eigen'
rejects src/model/a.cpp '#include <immintrin.h>' 'intrinsics'
rejects include/moxie/core/a.hpp '#include <x86intrin.h>' 'intrinsics'
rejects src/backend/a.cpp '#include <cuda_runtime.h>' 'CUDA'
rejects include/moxie/format/a.hpp '#include <sys/mman.h>' 'C++ and moxie alone'
rejects include/moxie/format/a.hpp '#include "reader.hpp"' 'C++ and moxie alone'
accepts src/backend/onednn/a.cpp '#include <dnnl.hpp>'
accepts src/backend/a.cpp '#include <omp.h>'
accepts src/format/a.cpp '#include <nlohmann/json.hpp>'
accepts src/format/a.cpp '#include <sys/mman.h>'
accepts include/moxie/core/eigen.hpp '#include <Eigen/Core>'
accepts include/moxie/core/math.hpp '#include <immintrin.h>'
accepts src/backend/cpu/a.cpp '#include <immintrin.h>'

# The host's process.
rejects include/moxie/core/a.hpp '#include <iostream>' 'neither prints'
rejects src/model/a.cpp '#include <cassert>' 'neither prints'
rejects src/model/a.cpp '  std::abort();' 'speaks for'
rejects src/model/a.cpp '  if (bad) exit(1);' 'speaks for'
rejects src/model/a.cpp '  std::printf("x");' 'speaks for'
rejects src/model/a.cpp '  std::fprintf(stderr, "x");' 'speaks for'
rejects src/model/a.cpp '  std::cout << 1;' 'speaks for'
rejects src/model/a.cpp '  std::terminate();' 'speaks for'
rejects src/model/a.cpp '  __builtin_trap();' 'speaks for'
rejects src/model/a.cpp '  assert(x);' 'speaks for'
accepts src/model/a.cpp '  // std::abort() would end the host'
accepts src/model/a.cpp '  log("never abort(), never exit()");'
accepts src/model/a.cpp '  static_assert(sizeof(int) == 4);'
accepts src/model/a.cpp '  worker.exit(); early_exit(1); snprintf(a, b, c);'

# No version, a layer that nobody has placed, and a folder without sources.
cases=$((cases + 3))
plant src/core/a.cpp ''
rm "$tree/include/moxie/core/version.hpp"
if "$check" "$tree" >/dev/null 2>&1; then
  echo "not rejected: a tree without MOXIE_ABI_VERSION"
  failures=$((failures + 1))
fi
plant src/novel/a.cpp ''
if "$check" "$tree" >/dev/null 2>&1; then
  echo "not rejected: an unknown layer"
  failures=$((failures + 1))
fi
rm -rf "$tree/include/moxie/core" "$tree/src/novel"
if "$check" "$tree" >/dev/null 2>&1; then
  echo "not rejected: a folder without sources"
  failures=$((failures + 1))
fi

echo "check_layers: $cases cases, $failures failures"
((failures == 0))
