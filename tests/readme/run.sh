#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a program of README from the root of the project, as its reader would, and compares what it prints
# with what README shows.
#   run.sh PROGRAM BASE BUILD      (BASE.args and BASE.expected, where they are)
# README names files of build/release; a test takes them from its own BUILD.
set -euo pipefail
cd "$(dirname "$0")/../.."
args=()
[[ -e $2.args ]] && read -ra args <"$2.args"
args=("${args[@]/#build\/release/$3}")
output=$("$1" "${args[@]}")
[[ -e $2.expected ]] || exit 0
diff -u --label README --label printed "$2.expected" - <<<"$output"
