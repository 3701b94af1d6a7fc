#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints a hash of all logits of every checkpoint in tests/data, of the model that comes with moxie, and of checkpoints
# of each block-quantized type, on every path that this machine can run. A change that should keep the bits is held to
# that by comparing the tables of two builds on one machine:
#
#   tests/differential/hash_logits.sh OLD/moxie >old.txt
#   tests/differential/hash_logits.sh NEW/moxie >new.txt && diff old.txt new.txt
#
# logits_hashes.txt beside it is the table of one machine.
set -euo pipefail
moxie=$(realpath "${1:?the program moxie}")
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tokens() { # N VOCABULARY: tokens that depend on nothing else
  awk -v n="$1" -v v="$2" 'BEGIN { for (i = 0; i < n; ++i) printf "%s%d", (i ? "," : ""), (i * i * 7 + i * 13 + 3) % v }'
}

row() { # NAME MODEL TOKENS ARGUMENTS...
  local name=$1 model=$2 tokens=$3 hash
  shift 3
  if "$moxie" logits -m "$model" --tokens "$tokens" --all --json "$@" >"$work/logits" 2>"$work/error"; then
    hash=$(sha256sum <"$work/logits" | cut -c1-32)
  else
    hash="refused: $(head -n 1 "$work/error")"
  fi
  printf '%-24s %-32s %s\n' "$name" "$*" "$hash"
}

paths() { # NAME MODEL TOKENS
  local isa
  for isa in portable avx2 avx512 avx512vnni amx; do
    "$moxie" logits -m "$2" --tokens 0 --isa "$isa" >/dev/null 2>&1 || continue
    row "$1" "$2" "$3" --isa "$isa"
    row "$1" "$2" "$3" --isa "$isa" --chunk 7 --matmul native
  done
}

for config in tests/data/*/config.json; do
  folder=$(dirname "$config")
  name=$(basename "$folder")
  "$moxie" logits -m "$folder" --tokens 0 >/dev/null 2>&1 || continue
  vocabulary=$("$moxie" info -m "$folder" --json | grep -oE '"vocab_size": ?"?[0-9]+' | grep -oE '[0-9]+' || true)
  paths "$name" "$folder" "$(tokens 80 "${vocabulary:-64}")"
done
paths moxie-tiny examples/tiny-model/moxie-tiny.gguf "$(tokens 300 2048)"
for kv in f16 bf16 q8_0; do
  row moxie-tiny examples/tiny-model/moxie-tiny.gguf "$(tokens 300 2048)" --kv-type "$kv"
done
for type in q4_k_m q8_0 q4_0 f16 bf16 f32; do
  "$moxie" synth -o "$work/synth-$type.gguf" --type "$type" --layers 2 --hidden 256 --experts 8 --expert-width 256 \
    --vocab 512 >/dev/null
  paths "synth $type" "$work/synth-$type.gguf" "$(tokens 80 512)"
done
for type in q8_0 q5_1 q5_0 q4_1 q4_0 mxfp4; do
  "$moxie" convert -m tests/data/deepseek_v2_lite -o "$work/latent-$type.gguf" --type "$type" >/dev/null
  paths "latent $type" "$work/latent-$type.gguf" "$(tokens 80 64)"
done
