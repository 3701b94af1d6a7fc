#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what moxie is built with from the distribution's packages (Debian 12, Ubuntu 24.04 and newer):
# only those that are missing, so where all are there it needs neither the network nor root.
#
#   cmake/packages.sh            what the library, the program and the tests need
#   cmake/packages.sh --ci       also what CI needs: clang for its sanitizers and fuzzers, clang-format, ccache, doxygen
#   cmake/packages.sh --list     prints the names and installs nothing (may follow --ci)
set -euo pipefail

# ocl-icd-opencl-dev: the package files of Debian 12's oneDNN look for OpenCL, which libdnnl-dev only recommends.
packages=(g++ cmake ninja-build pkg-config
          libeigen3-dev libdnnl-dev ocl-icd-opencl-dev libpcre2-dev libutf8proc-dev libssl-dev nlohmann-json3-dev libcli11-dev libedit-dev catch2
          libbenchmark-dev)
list=false
for word in "$@"; do
  case $word in
    --ci) packages+=(clang lld llvm libclang-rt-dev libomp-dev clang-format clang-tidy ccache doxygen git python3-jsonschema) ;;
    --list) list=true ;;
    *) sed -n '6,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done

if ! command -v dpkg-query >/dev/null; then
  echo "packages: this is not a Debian or Ubuntu system. moxie needs: ${packages[*]} (by whatever names they have here)" >&2
  exit 0
fi

is_installed() { [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | head -n 1) == installed ]]; }
missing=()
for package in "${packages[@]}"; do
  is_installed "$package" || missing+=("$package")
done

if $list; then
  printf '%s\n' "${packages[@]}"
  exit 0
fi
if [[ ${#missing[@]} -eq 0 ]]; then
  echo "packages: all ${#packages[@]} are there"
  exit 0
fi

sudo=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo >/dev/null || { echo "packages: as root, please run: apt-get install ${missing[*]}" >&2; exit 1; }
  sudo=(sudo)
fi
echo "packages: installing ${missing[*]}"
"${sudo[@]}" apt-get update -qq || echo "packages: the lists could not be refreshed; going on with those that are here" >&2
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
