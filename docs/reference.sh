#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the reference of the public headers by Doxygen; what Doxygen warns of is an error.
#
#   docs/reference.sh FOLDER [HEADERS]    pages in FOLDER; HEADERS: default include
#
# Exits with 77 where there is no doxygen.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
if [ $# -lt 1 ]; then
  sed -n 's/^#   /usage: /p' "$0" >&2
  exit 2
fi
if ! command -v doxygen > /dev/null; then
  echo "skipped: there is no doxygen (Debian's package is doxygen)"
  exit 77
fi
mkdir -p "$1"
MOXIE_REFERENCE=$(cd "$1" && pwd)
MOXIE_HEADERS=$(cd "${2:-$root/include}" && pwd)
MOXIE_FILTER=$root/docs/reference.sed
MOXIE_VERSION=$(sed -nE 's/^#define MOXIE_VERSION_(MAJOR|MINOR|PATCH) +([0-9]+).*/\2/p' \
  "$root/include/moxie/core/version.hpp" | paste -sd.)
MOXIE_MAIN_PAGE=$root/docs/reference.md
export MOXIE_MAIN_PAGE MOXIE_REFERENCE MOXIE_HEADERS MOXIE_FILTER MOXIE_VERSION
doxygen "$root/docs/Doxyfile"
echo "reference: $(find "$MOXIE_HEADERS" -name '*.hpp' | wc -l) headers, $MOXIE_REFERENCE/index.html"
