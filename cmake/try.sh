#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The first minute: installs the packages that are missing, builds the program `moxie` and lets a model answer.
#
#   cmake/try.sh [PROMPT]      MODEL=file.gguf cmake/try.sh [PROMPT] asks a model of yours
#
# Without MODEL it asks the small model that comes with moxie, which may use tools. MOXIE_SKIP_PACKAGES=1 leaves the
# system's packages alone.
set -euo pipefail
cd "$(dirname "$0")/.."
prompt=${1:-What is 1234 times 5678?}
moxie=build/release/examples/moxie/moxie

step() { echo "== $*"; }

if [[ ${MOXIE_SKIP_PACKAGES:-} != 1 ]]; then
  step "packages"
  cmake/packages.sh
fi

step "build (build/release)"
mkdir -p build
if ! cmake --preset release >build/configure-release.log 2>&1; then
  cat build/configure-release.log >&2
  exit 1
fi
cmake --build --preset release --target moxie_program -j "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}"

asked=(--tools all)
if [[ -n ${MODEL:-} ]]; then asked=(-m "$MODEL"); fi
step "moxie run ${asked[*]} -p \"$prompt\" -n 200"
"$moxie" run "${asked[@]}" -p "$prompt" -n 200
echo
echo "Next: $moxie chat --tools all, and cmake/test.sh for the tests."
