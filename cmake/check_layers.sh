#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks what the files under include/moxie and src include and call, by reading them:
#
#   layers   a layer includes itself and the layers below it, never one above or beside it;
#   vendors  a vendor's header stays in the one place that adapts it, and out of public headers;
#   names    a file opens namespace moxie as moxie::inline abi<N>, N being MOXIE_ABI_VERSION of core/version.hpp;
#   host     no header whose purpose is to print, abort or handle signals, and no such call: inline
#            functions never reach the symbol table that check_symbols.sh reads.
#
#   cmake/check_layers.sh [SOURCE_DIR]     exits 1 and lists FILE:LINE: REASON where something is wrong
set -euo pipefail
root=${1:-$(cd "$(dirname "$0")/.." && pwd)}

# The layers that each layer stands on; it may include those, and whatever they stand on. testing/ may include anything.
declare -A stands_on=(
  [core]=''
  [format]='core'
  [backend]='core'
  [text]='format backend'
  [constraint]='text'
  [tool]='constraint'
  [router]='format backend'
  [expert]='format backend'
  [context]='format backend'
  [moe]='router expert context'
  [model]='moe text'
  [kernel]='model constraint'
  [chat]='kernel tool'
  [agent]='chat'
  [mcp]='chat'
)
lies_below() { # LOWER UPPER
  local layer
  for layer in ${stands_on[$2]}; do
    [[ $1 == "$layer" ]] || lies_below "$1" "$layer" && return 0
  done
  return 1
}

# Where a vendor's header may be included: the header (a regular expression), the files (patterns), whose it is.
vendors=(
  '(oneapi/dnnl/)?dnnl[A-Za-z0-9_]*\.(hpp|h)  src/backend/onednn/*  oneDNN: src/backend/onednn alone'
  'omp\.h  src/backend/*  OpenMP: src/backend alone'
  'pcre2\.h  src/text/tokenizer/*  PCRE2: src/text/tokenizer alone'
  'utf8proc\.h  src/text/tokenizer/*  utf8proc: src/text/tokenizer alone'
  'openssl/.*  src/model/load/sha256.cpp  OpenSSL: src/model/load/sha256.cpp alone'
  'nlohmann/.*  src/*  nlohmann/json: src alone, never a public header'
  '(unsupported/)?Eigen/.*  include/moxie/core/eigen.hpp  Eigen: core/eigen.hpp alone'
  'cu(da|blas|dnn|rand|sparse)[A-Za-z0-9_/]*\.(hpp|h)  src/backend/cuda/*  CUDA: src/backend/cuda alone'
  '([a-z0-9]*intrin|arm_neon|arm_sve)\.h  src/backend/cpu/*;include/moxie/core/math.hpp  intrinsics: src/backend/cpu and core/math.hpp alone'
)
# Headers that nobody needs who neither prints nor aborts.
host_headers='iostream|print|syncstream|csignal|signal\.h|cassert|assert\.h|csetjmp|setjmp\.h|syslog\.h|err\.h|error\.h'
# Calls that end or speak for the host's process. A member or an own function of such a name is not meant.
host_calls='(std::|::)(abort|exit|_Exit|_exit|quick_exit|terminate|printf|puts|putchar|perror|signal|raise|atexit)[[:space:]]*\(|std::(cout|cerr|clog|print|println)([^A-Za-z0-9_]|$)|(^|[^A-Za-z0-9_:.>])(abort|exit|_exit|printf|puts|putchar|perror|assert)[[:space:]]*\(|__builtin_(trap|abort)|(^|[^A-Za-z0-9_.>])(stdout|stderr)([^A-Za-z0-9_]|$)'

problems=0
problem() { # FILE LINE TEXT
  echo "$1:$2: $3"
  problems=$((problems + 1))
}

allowed_in() { # FILE PATTERN;PATTERN
  local pattern patterns
  IFS=';' read -ra patterns <<<"$2"
  for pattern in "${patterns[@]}"; do
    # shellcheck disable=SC2053  # a pattern is meant
    [[ $1 == $pattern ]] && return 0
  done
  return 1
}

layer_of() { # FILE: sets `layer` to its name; "top" for include/moxie/x.hpp; src/x.hpp belongs to nobody
  layer=${1#include/moxie/}
  layer=${layer#src/}
  case $layer in
    */*) layer=${layer%%/*} ;;
    *) layer=top ;;
  esac
}

check_include() { # FILE LINE HEADER BRACKET
  local file=$1 line=$2 header=$3 bracket=$4 layer entry pattern where what target=
  layer_of "$file"

  for entry in "${vendors[@]}"; do
    IFS=' ' read -r pattern where what <<<"$entry"
    if [[ $header =~ ^$pattern$ ]]; then
      allowed_in "$file" "$where" || problem "$file" "$line" "includes $header ($what)"
      return
    fi
  done
  if [[ $header =~ ^($host_headers)$ ]]; then
    problem "$file" "$line" "includes <$header>: the library neither prints nor aborts nor handles signals"
    return
  fi

  # Which layer is meant? <moxie/layer/x.hpp>, "layer/x.hpp", or a file of the own layer.
  case $header in
    *../*) problem "$file" "$line" "includes $header: name files from the root of src, not upwards"; return ;;
    moxie/*/*) target=${header#moxie/} target=${target%%/*} ;;
    moxie/*) target=top ;;
    */*) [[ $bracket == '"' && -v stands_on[${header%%/*}] ]] && target=${header%%/*} ;;
  esac
  if [[ -z $target ]]; then
    # Public headers are the standard library's and ours, so that they compile wherever C++20 does.
    if [[ $file == include/* && ($bracket == '"' || ! $header =~ ^[a-z_]+$) ]]; then
      problem "$file" "$line" "includes $header: a public header includes C++ and moxie alone"
    fi
    return
  fi
  case $layer in
    top | testing) return ;;
  esac
  if [[ $target == top ]]; then
    problem "$file" "$line" "$layer includes $header, which lies above all layers"
  elif [[ $target == testing ]]; then
    problem "$file" "$line" "$layer includes $header: only tests and plug-in authors use testing/"
  elif [[ ! -v stands_on[$target] ]]; then
    problem "$file" "$line" "includes $header: no layer is called '$target'"
  elif [[ $target != "$layer" ]] && ! lies_below "$target" "$layer"; then
    problem "$file" "$line" "$layer includes $header: $target does not lie below $layer"
  fi
}

cd "$root"
# One process reads all files at a time: a process for each file would take minutes on a busy machine.
mapfile -t sources < <(find include/moxie src -type f \( -name '*.hpp' -o -name '*.h' -o -name '*.cpp' -o -name '*.cu' \) | sort)
files=${#sources[@]}
for file in "${sources[@]}"; do
  layer_of "$file"
  if [[ $layer != top && $layer != testing && ! -v stands_on[$layer] ]]; then
    problem "$file" 1 "no layer is called '$layer' (the list is in cmake/check_layers.sh)"
  fi
done
if ((files > 0)); then
  include='^[[:space:]]*#[[:space:]]*include[[:space:]]*([<"])([^>"]+)[>"]'
  while IFS=: read -r file line text; do
    layer_of "$file"
    [[ $layer != top && $layer != testing && ! -v stands_on[$layer] ]] && continue
    [[ $text =~ $include ]] && check_include "$file" "$line" "${BASH_REMATCH[2]}" "${BASH_REMATCH[1]}"
  done < <(grep -nHE '^[[:space:]]*#[[:space:]]*include' "${sources[@]}" || true)
  version=include/moxie/core/version.hpp
  abi=$(sed -nE 's/^#define MOXIE_ABI_VERSION ([1-9][0-9]*)$/\1/p' "$version" 2>/dev/null || true)
  [[ $abi =~ ^[0-9]+$ ]] || problem "$version" 1 "defines no MOXIE_ABI_VERSION"
  while IFS=: read -r file line text; do
    problem "$file" "$line" "opens namespace moxie without its version: namespace moxie::inline abi$abi"
  done < <(grep -nHE '^[[:space:]]*(inline[[:space:]]+)?namespace[[:space:]]+(::[[:space:]]*)?moxie([^A-Za-z0-9_]|$)' "${sources[@]}" |
    grep -vE ":namespace moxie::inline abi$abi(::[a-z0-9_:]+)? \\{" || true)
  while IFS=: read -r file line text; do
    problem "$file" "$line" "speaks for or ends the host: ${text#"${text%%[![:space:]]*}"}"
  done < <(host_calls=$host_calls awk '
    { line = $0; sub(/\/\/.*/, "", line); gsub(/"[^"]*"/, "\"\"", line) }
    line ~ ENVIRON["host_calls"] { print FILENAME ":" FNR ":" line }' "${sources[@]}")
fi

if ((files == 0)); then
  echo "check_layers: no source under $root" >&2
  exit 2
fi
if ((problems > 0)); then
  echo "check_layers: $problems problem(s) in $files files" >&2
  exit 1
fi
echo "check_layers: $files files keep their layers"
