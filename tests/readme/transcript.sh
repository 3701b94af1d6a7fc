#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Does what a transcript shows, and compares what comes with what it says. In a block ```console, a line "$ COMMAND" is run,
# the lines "> TEXT" behind it are typed, and all others are what it prints; a line ... stands for any lines, ... within a
# line for anything.
#   transcript.sh DOCUMENT PROGRAM
set -euo pipefail
document=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/here"
ln -s "$(realpath "$2")" "$work/bin/moxie"
export PATH=$work/bin:$PATH
unset MOXIE_MODEL
cd "$work/here"
commands=0 failures=0

check() { # compares $expected with what $command prints
  [[ -n $command ]] || return 0
  commands=$((commands + 1))
  local printed pattern
  printed=$(printf '%s' "$typed" | bash -c "$command" 2>&1 || true)
  pattern=$(printf '%s' "$expected" | sed -e 's/[][\\*?]/\\&/g' -e 's/\.\.\./*/g')
  # shellcheck disable=SC2053 # a pattern
  if [[ $printed != $pattern ]]; then
    failures=$((failures + 1))
    printf '%s\n' "otherwise than ${document##*/} says: $command"
    diff -u --label said --label printed <(printf '%s' "$expected") <(printf '%s\n' "$printed") || true
  fi
  command=
}

inside=false command= typed= expected=
while IFS= read -r line; do
  if [[ $line == '```console' ]]; then
    inside=true
  elif [[ $line == '```' ]] && $inside; then
    check
    inside=false
  elif $inside && [[ $line == '$ '* ]]; then
    check
    command=${line#'$ '} typed= expected=
  elif $inside && [[ $line == '> '* ]]; then
    typed+=${line#'> '}$'\n'
  elif $inside; then
    expected+=$line$'\n'
  fi
done <"$document"
echo "${document##*/}: $commands commands, $failures failures"
((commands > 0 && failures == 0))
