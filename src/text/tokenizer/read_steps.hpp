// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "format/json.hpp"
#include "text/tokenizer/parts.hpp"

namespace moxie::inline abi1::text {

/// The member `type` of a part of tokenizer.json; empty where there is none.
std::string_view type_of(format::JsonValue part) noexcept;

/// {"String": "…"} or {"Regex": "…"}.
Result<Pattern> read_pattern(format::JsonValue pattern, std::string_view where);

// The parts of tokenizer.json, from their JSON. Null or no value is no step.
//
// Errors   kUnsupported: a type or a setting that this library does not run, by its name.  kFormat: not what it
//          should be.
Status read_normalizer(format::JsonValue part, Normalizer& out);
Status read_pre_tokenizer(format::JsonValue part, PreTokenizer& out);
Status read_decoder(format::JsonValue part, Decoder& out);

/// What is put around a text; `found` becomes true where the file says something about it.
Status read_post_processor(format::JsonValue part, TokenizerParts& out, bool& found);

}  // namespace moxie::text
