#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the packages that are missing, builds moxie and runs its fast tests. A second run does only
# what has become necessary since.
#
#   cmake/test.sh [PRESET] [CMAKE ARGUMENTS...]      PRESET: release (the default), dev, asan, tsan
#
# The build is in build/PRESET. MOXIE_SKIP_PACKAGES=1 leaves the system's packages alone.
set -euo pipefail
cd "$(dirname "$0")/.."

preset=release
if [[ $# -gt 0 && $1 != -* ]]; then
  preset=$1
  shift
fi

step() { echo "== $*"; }

if [[ ${MOXIE_SKIP_PACKAGES:-} != 1 ]]; then
  step "packages"
  cmake/packages.sh
fi

arguments=("$@")
if command -v ccache >/dev/null; then
  arguments+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi
step "configure (build/$preset)"
mkdir -p build
if ! cmake --preset "$preset" "${arguments[@]}" >"build/configure-$preset.log" 2>&1; then
  cat "build/configure-$preset.log" >&2
  exit 1
fi
grep -E 'CXX compiler identification' "build/configure-$preset.log" || true

step "build"
cmake --build --preset "$preset" -j "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}"

step "fast tests"
export CTEST_PARALLEL_LEVEL=${CTEST_PARALLEL_LEVEL:-$(nproc)}
ctest --preset "$preset"
