#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Reads objects that were compiled without exceptions and at -O0: a function that the linker may share with files that
# have exceptions (a weak name without the tag of MOXIE_OPTION_TAG) must not call one with the tag, because its body would
# depend on the flags then.
#
#   tests/abi/option_tags.sh OBJECT...
set -euo pipefail
[[ $# -gt 0 ]] || { sed -n 's/^#   //p' "$0" >&2; exit 2; }

# -O0 gives every shared function a section of its own, with its name; a table of functions is one, too.
objdump -r "$@" | awk '
  function tagged(name) { return name ~ /B12noexceptions/ }
  /^RELOCATION RECORDS FOR / {
    section = substr($4, 2, index($4, "]") - 2)
    shared = section ~ /^\.(text|rodata|data\.rel\.ro(\.local)?|data)\._Z/ && section !~ /_GLOBAL__N_/
    next
  }
  NF == 3 && $1 ~ /^[0-9a-f]+$/ {
    relocations++
    if (tagged($3)) calls++
    if (shared && !tagged(section) && tagged($3) && !seen[section]++) { print section ": depends on " $3; problems++ }
  }
  END {
    if (calls == 0) { print "no tagged name in " relocations + 0 " relocations: are the files compiled without exceptions?"; exit 2 }
    print problems + 0 " problems in " relocations " relocations"
    exit problems > 0
  }' | c++filt
