// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include <moxie/format/gguf_writer.hpp>

namespace moxie::program {

/// Control tokens and the 256 bytes: the least that a vocabulary holds.
inline constexpr std::size_t kMinVocabulary = 256 + 3;

/// Gives a file a byte-level BPE tokenizer of exactly `vocab_size` tokens: the bytes, pieces of letters with the merges
/// that make them, and three control tokens at the end.
Status set_synthetic_tokenizer(GgufWriter& writer, std::size_t vocab_size);

}  // namespace moxie::program
