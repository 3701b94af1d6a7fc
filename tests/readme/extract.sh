#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Writes each C++ block of README that is a whole program (it has a main) to OUT/program_N.cpp, what is
# shown directly after it as ```text to OUT/program_N.expected, and prints the number of programs. The
# comment `<!-- run: ARGS -->` on the line above a block gives the arguments of a run (OUT/program_N.args);
# `<!-- do not run -->` says that it is only compiled.
#   extract.sh README OUT
set -euo pipefail
readme=$1 out=$2
mkdir -p "$out"
rm -f "$out"/new_*
awk -v out="$out/new_" '
  function flush_program() {
    if (code ~ /(^|\n)int main\(/) {
      ++n
      printf "%s", code > (out n ".cpp")
      if (run != "") print run > (out n ".args")
      if (norun) print "" > (out n ".compile_only")
      after = n
    }
    run = ""; norun = 0
  }
  inside == "cpp" && /^```$/ { inside = ""; flush_program(); next }
  inside == "text" && /^```$/ { inside = ""; printf "%s", code > (out after ".expected"); after = 0; next }
  inside == "other" && /^```$/ { inside = ""; next }
  inside == "cpp" || inside == "text" { code = code $0 "\n"; next }
  inside == "other" { next }
  /^```cpp$/ { inside = "cpp"; code = ""; after = 0; next }
  /^```text$/ && after { inside = "text"; code = ""; next }
  /^```/ { inside = "other"; after = 0; run = ""; norun = 0; next }
  /^<!-- run: .* -->$/ { run = $0; sub(/^<!-- run: /, "", run); sub(/ -->$/, "", run); next }
  /^<!-- do not run -->$/ { norun = 1; next }
  /^[ \t]*$/ { next }
  { after = after && /:$/ ? after : 0; run = ""; norun = 0 }   # a line such as "It prints:" may stand between
  END { if (inside != "") { print "a block is not closed" > "/dev/stderr"; exit 1 } print n + 0 }
' "$readme"
# Only what changed is replaced, so that a build after an edit of the prose builds nothing.
for old in "$out"/program_*; do
  [[ -e ${old/program_/new_} ]] || rm -f "$old"
done
for new in "$out"/new_*; do
  [[ -e $new ]] || continue
  old=${new/new_/program_}
  if cmp -s "$new" "$old"; then rm "$new"; else mv "$new" "$old"; fi
done
