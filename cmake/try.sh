#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The first minute: installs the packages that are missing, builds the program `moxie` and lets a model answer.
#
#   cmake/try.sh [PROMPT]      MODEL=file.gguf cmake/try.sh [PROMPT] asks a model of yours
#
# Without MODEL it asks a small synthetic checkpoint, which it writes first: one with the parts of a Qwen3-MoE model
# and random weights, so its words mean nothing. MOXIE_SKIP_PACKAGES=1 leaves the system's packages alone.
set -euo pipefail
cd "$(dirname "$0")/.."
prompt=${1:-Why is the sky blue?}
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

model=${MODEL:-build/synthetic.gguf}
if [[ -z ${MODEL:-} ]]; then
  step "a synthetic checkpoint ($model): random weights, so what it says means nothing"
  "$moxie" synth --layers 4 --hidden 256 --experts 16 --experts-per-token 2 --expert-width 128 --heads 4 --kv-heads 2 \
    --head-width 64 --vocab 4096 --type q8_0 --seed 7 -o "$model"
fi

step "moxie run -m $model -p \"$prompt\" -n 48"
"$moxie" run -m "$model" -p "$prompt" -n 48
echo
echo "Next: $moxie chat -m MODEL, and cmake/test.sh for the tests."
