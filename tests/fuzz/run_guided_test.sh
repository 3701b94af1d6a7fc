#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run_guided.sh must pass a run that is guided, and reject each of these that are not.
set -euo pipefail
run=$(dirname "$0")/run_guided.sh
failures=0 cases=0

expect() { # STATUS WORDS FOLDERS... -- LINES...: of a run that prints the lines, and ends with the number in the last
  cases=$((cases + 1))
  local out status=0 folders=()
  local expected=$1 words=$2
  shift 2
  while [[ $1 != -- ]]; do
    folders+=("$1")
    shift
  done
  out=$("$run" "${folders[@]}" -- bash -c 'printf "%s\n" "${@:1:$#-2}"; exit "${@:$#-1:1}"' - "${@:2}" 2>&1) || status=$?
  if [[ $status != "$expected" || $out != *"$words"* ]]; then
    printf 'should end with %s and say "%s", ended with %s:\n%s\n' "$expected" "$words" "$status" "$out"
    failures=$((failures + 1))
  fi
}

own='COVERED_FUNC: hits: 2 edges: 5/9 LLVMFuzzerTestOneInput /a/tests/fuzz/json.cpp:8'
inline='COVERED_FUNC: hits: 2 edges: 5/9 moxie::Status::ok() const /a/include/moxie/core/status.hpp:8'
format='COVERED_FUNC: hits: 2 edges: 5/9 moxie::format::f(int) /a/build/asan/../../src/format/json.cpp:8'
missed='UNCOVERED_FUNC: hits: 0 edges: 0/9 moxie::text::f(int) /a/build/asan/../../src/text/message.cpp:8'

expect 0 'coverage: 2 functions of src/format' format -- "$own" "$format" "$format" 0
expect 1 'blind: no function of src/format' format -- "$own" "$inline" 0
expect 1 'blind: no function of src/text' text -- "$own" "$format" "$missed" 0
expect 1 'blind: no function of src/text' format text -- "$format" "$missed" 0
expect 1 'blind: no function of src/form' form -- "$format" 0
expect 1 'llvm-symbolizer' format -- "$own" 0
expect 1 'llvm-symbolizer' format -- 'nothing was covered' 0
expect 77 'it crashed' format -- "$format" 'it crashed' 77
expect 2 'usage' -- "$format" 0

echo "$cases cases, $failures failures"
((failures == 0))
