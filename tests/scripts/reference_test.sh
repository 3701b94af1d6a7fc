#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The reference is refused where a comment is wrong, and shows labels as titles where none is.
set -euo pipefail
script=$(cd "$(dirname "$0")/../../docs" && pwd)/reference.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/headers"

header() {
  cat > "$work/headers/planted.hpp" << EOF
#pragma once
/// Does nothing.
///
/// Units    the planted width is in furlongs.
/// Errors   kPlanted: it did something,
///          and that twice.
/// $1
class Planted {
 public:
  void nothing();  ///< as it says
};
namespace moxie::inline abi1::inner {
/// A class in the namespace of the ABI's version.
class Versioned {};
}  // namespace moxie::inner
EOF
}

code=0
header 'Threads  any.'
"$script" "$work/pages" "$work/headers" > "$work/log" 2>&1 || code=$?
if [ "$code" -eq 77 ]; then
  cat "$work/log"
  exit 77
fi
[ "$code" -eq 0 ] || { echo "a good header was refused:"; cat "$work/log"; exit 1; }
for label in Units Errors Threads; do
  grep -q "<dt>$label</dt>" "$work/pages/classPlanted.html" || { echo "the label $label is no title"; exit 1; }
done

[ -e "$work/pages/classmoxie_1_1inner_1_1Versioned.html" ] || { echo "the ABI's version is shown in names"; exit 1; }

for wrong in '@ref nobody_at_all' '<think> is a tag' '@unknown_command'; do
  header "$wrong"
  if "$script" "$work/pages" "$work/headers" > "$work/log" 2>&1; then
    echo "not refused: $wrong"
    exit 1
  fi
  grep -q 'planted.hpp:' "$work/log" || { echo "the error does not name the header:"; cat "$work/log"; exit 1; }
done
echo "reference_test: 3 wrong comments are refused"
