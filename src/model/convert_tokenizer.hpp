// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>

#include <moxie/core/status.hpp>
#include <moxie/format/gguf_writer.hpp>

namespace moxie::model {

/// Puts the tokenizer of a Hugging Face folder into a GGUF file: tokens in the order of their ids, their types, merges,
/// the ids that config.json and tokenizer_config.json give to the end of a text and the like, the tokens that are put
/// around a text, and the chat template.
/// Nothing where the folder has no tokenizer.json.
///
/// Errors   kUnsupported: another tokenizer than byte-level BPE, or one that does what GGUF cannot say: several
///          tokens before or behind a text, added tokens that strip or stand alone.  kFormat: files that contradict
///          themselves, or more tokens than the vocabulary has rows.  Those of reading the files. Lets std::bad_alloc
///          through.
/// Source   tokenizer.json as the tokenizers library writes it; tokenizer.ggml.* as llama.cpp's converter does
Status set_tokenizer(GgufWriter& writer, const std::filesystem::path& folder, std::size_t vocab_size);

}  // namespace moxie::model
