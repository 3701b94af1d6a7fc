#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs moxie as a static and as a shared library and builds a host application against each:
# by find_package, by pkg-config, by add_subdirectory, and again after the installed tree was moved.
#
#   tests/install/run.sh [WORK_DIR [BUILD]]     (default: a temporary folder, removed at the end)
#
# BUILD is a build of the library that is there already, static or shared: it is installed instead of one made here. The
# other one, and the host that builds moxie as a folder of its own, lie beside it and have its settings, so that the
# commands are the same and a compiler's cache has all files.
#
# CXX chooses the compiler of the library, CONSUMER_CXX a list of compilers for the host application
# (default: g++ and clang++, those that are there).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source_dir=$(cd "$here/../.." && pwd)
consumer=$here/consumer
checkpoint=$source_dir/tests/data/tiny_tied

if [[ $# -gt 0 ]]; then
  mkdir -p "$1"
  work=$(cd "$1" && pwd)
else
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi
ready=${2:-} ready_kind= beside=$work/build settings=(-DCMAKE_BUILD_TYPE=Release) subproject=()
if [[ -n $ready ]]; then
  [[ -f $ready/CMakeCache.txt ]] || { echo "install test: $ready is no build" >&2; exit 2; }
  ready_kind=static
  grep -qiE '^BUILD_SHARED_LIBS:[A-Z]+=(ON|TRUE|YES|1)$' "$ready/CMakeCache.txt" && ready_kind=shared
  beside=$ready-install
  setting() { sed -nE "s/^$1:[A-Z]+=//p" "$ready/CMakeCache.txt"; }
  settings=(-DCMAKE_BUILD_TYPE="$(setting CMAKE_BUILD_TYPE)" -DMOXIE_WERROR="$(setting MOXIE_WERROR)")
  # The host has no build type: moxie must not give it one.
  type=$(setting CMAKE_BUILD_TYPE)
  subproject=(-DMOXIE_WERROR="$(setting MOXIE_WERROR)" -DCMAKE_CXX_FLAGS="$(setting "CMAKE_CXX_FLAGS_${type^^}")")
fi
jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
read -ra compilers <<<"${CONSUMER_CXX:-$(for c in g++ clang++; do command -v "$c" || true; done | tr '\n' ' ')}"
launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
checks=0

say() { echo "install test: $*"; }
die() { say "FAILED: $*" >&2; exit 1; }
quietly() { # what a step prints matters only when it fails
  "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; die "$*"; }
}
fails() { # the opposite: the step must fail
  if "$@" >"$work/log" 2>&1; then cat "$work/log" >&2; die "should have failed: $*"; fi
}

configure() { cmake -G Ninja "$@" -DCMAKE_EXPORT_NO_PACKAGE_REGISTRY=ON; }

# host NAME COMPILER ARGS...: configures, builds and runs the application in `host_dir`/NAME.
host_dir=$work/host
host() {
  local name=$1 compiler=$2
  shift 2
  local dir=$host_dir/$name
  rm -rf "$dir"
  quietly configure -S "$consumer" -B "$dir" -DCMAKE_CXX_COMPILER="$compiler" "${launcher[@]}" \
    -DCONSUMER_CHECKPOINT="$checkpoint" "$@"
  quietly cmake --build "$dir" -j "$jobs"
  quietly ctest --test-dir "$dir" --output-on-failure --no-tests=error
  checks=$((checks + 1))
  say "ok: $name"
}

# by_pkg_config NAME COMPILER PREFIX KIND
by_pkg_config() {
  local name=$1 compiler=$2 prefix=$3 kind=$4 words=() out=$work/host/$1
  rm -rf "$out" && mkdir -p "$out"
  local PKG_CONFIG_PATH
  PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name moxie.pc)")
  export PKG_CONFIG_PATH
  [[ $kind == static ]] && words=(--static)
  read -ra flags <<<"$(pkg-config "${words[@]}" --cflags --libs moxie)"
  quietly "$compiler" -std=c++20 -Werror -Wall -Wextra "$consumer/core.cpp" -o "$out/core" "${flags[@]}"
  quietly "$compiler" -std=c++20 -Werror -Wall -Wextra "$consumer/library.cpp" -o "$out/library" "${flags[@]}"
  local LD_LIBRARY_PATH
  LD_LIBRARY_PATH=$(pkg-config --variable=libdir moxie)
  export LD_LIBRARY_PATH
  quietly "$out/core"
  quietly "$out/library" "$checkpoint"
  checks=$((checks + 1))
  say "ok: $name"
}

for kind in static shared; do
  shared=OFF
  [[ $kind == shared ]] && shared=ON
  build=$beside-$kind prefix=$work/first/$kind moved=$work/moved/$kind
  rm -rf "$prefix" "$moved"
  if [[ $kind == "$ready_kind" ]]; then
    build=$ready
  else
    quietly configure -S "$source_dir" -B "$build" "${settings[@]}" -DBUILD_SHARED_LIBS=$shared \
      -DMOXIE_BUILD_TESTS=OFF -DMOXIE_BUILD_EXAMPLES=OFF "${launcher[@]}"
    quietly cmake --build "$build" -j "$jobs"
  fi
  quietly cmake --install "$build" --prefix "$prefix"
  quietly "$source_dir/cmake/check_symbols.sh" $(find "$prefix" -name 'libmoxie*.a' -o -name 'libmoxie.so')
  say "built, installed and its symbols read: $kind"
  if grep -rIl -e "$prefix" -e "$build" -e "$source_dir" "$prefix" >"$work/paths"; then
    cat "$work/paths" >&2
    die "these installed files name folders of the machine that built them"
  fi
  for compiler in "${compilers[@]}"; do
    c=${compiler##*/}
    # The build's own tests link its library with the programs of tests/abi; here they meet a shared one, once.
    abi=$shared
    [[ $compiler == "${compilers[0]}" ]] || abi=OFF
    host "$kind-find_package-$c" "$compiler" -DCMAKE_PREFIX_PATH="$prefix" -DCONSUMER_ABI=$abi
    by_pkg_config "$kind-pkg-config-$c" "$compiler" "$prefix" $kind
  done
  c=${compilers[0]}
  # The headers alone, and a shared library, need none of the packages that moxie was built with.
  without=(-DCMAKE_DISABLE_FIND_PACKAGE_dnnl=ON -DCMAKE_DISABLE_FIND_PACKAGE_OpenMP=ON
           -DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON -DCMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON)
  host "$kind-core-alone" "$c" -DCMAKE_PREFIX_PATH="$prefix" -DCONSUMER_CORE_ONLY=ON "${without[@]}"
  if [[ $kind == shared ]]; then
    host "$kind-without-dependencies" "$c" -DCMAKE_PREFIX_PATH="$prefix" "${without[@]}"
  fi
  fails configure -S "$consumer" -B "$work/host/unknown" -DCMAKE_PREFIX_PATH="$prefix" -DCONSUMER_WANTS_UNKNOWN=ON
  grep -q "no component 'no_such_component'" "$work/log" || die "an unknown component is not named"
  rm -rf "$work/host/unknown"

  mkdir -p "$work/moved"
  mv "$prefix" "$moved"
  host "$kind-moved-find_package" "$c" -DCMAKE_PREFIX_PATH="$moved"
  by_pkg_config "$kind-moved-pkg-config" "$c" "$moved" $kind
  if [[ -x $moved/bin/moxie ]]; then # where the build made it
    quietly env -u MOXIE_MODEL "$moved/bin/moxie" run -p "What is 12 plus 30?" --tools all -t 1
    grep -q 42 "$work/log" || die "the installed program does not answer with the model that comes with it"
    say "ok: $kind-moved-program"
  fi
done

c=${compilers[0]}
if [[ -n $ready ]]; then
  c=$(setting CMAKE_CXX_COMPILER) host_dir=$(dirname "$ready")
fi
host "${beside##*/}-add_subdirectory" "$c" -DMOXIE_SOURCE="$source_dir" "${subproject[@]}"
say "$checks applications built and run"
