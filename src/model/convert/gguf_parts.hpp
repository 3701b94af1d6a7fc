// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include <moxie/backend/quant.hpp>
#include <moxie/core/element_type.hpp>
#include <moxie/core/host.hpp>
#include <moxie/core/status.hpp>
#include <moxie/format/checkpoint.hpp>
#include <moxie/format/gguf_writer.hpp>
#include <moxie/model/gguf_file_type.hpp>
#include <moxie/model/model_config.hpp>

#include "model/convert/gguf_key_writer.hpp"
#include "model/families/family.hpp"
#include "model/load/tensor_names.hpp"

namespace moxie::inline abi1::model {

/// kUnsupported for what the family's architecture has no key for: llama.cpp would run another model without a word.
Status check_gguf_can_say(const Family& family, const ModelConfig& config);

/// The keys of a configuration for which check_gguf_can_say() had no objection.
Status set_gguf_configuration(GgufWriter& writer, const Family& family, const ModelConfig& config, GgufFileType type,
                              std::string_view model_name);

/// Whether keys of routing can say which layers have experts and how those are chosen.
///
/// Errors   kUnsupported, which names what they can.
Status check_gguf_can_say_routing(const Family& family, const ModelConfig& config);

/// Those keys.
Status set_gguf_routing(GgufKeyWriter& keys, const ModelConfig& config);

/// Whether llama.cpp's deepseek2 would run the model and not another.
///
/// Errors   kUnsupported, which names what it has.
Status check_gguf_can_say_latent(const ModelConfig& config);

/// The keys that deepseek2 has beside what all architectures have.
Status set_gguf_latent(GgufKeyWriter& keys, const ModelConfig& config);

/// Rows of Part::kLatentKey ([A, rank, nope]) or Part::kLatentValue ([A, value width, rank]) out of `kv_b`, which has
/// [A (nope + value width), rank]; as elements of type `to`.
GgufTensor::Fill latent_head_rows(const Checkpoint& checkpoint, const Tensor& kv_b, Part part, ElementType to,
                                  const ModelConfig& config);

/// Puts what generation_config.json recommends for sampling into a GGUF file, so that the file means what the folder
/// does. Nothing where there is no such file or it recommends nothing. What GGUF has no key for is left out, with a
/// warning to `callbacks` that names it.
///
/// Errors   those of read_recommended_sampling(). Lets std::bad_alloc through.
/// Source   general.sampling.* as llama.cpp's converter writes them
Status set_sampling(GgufWriter& writer, const std::filesystem::path& folder, const HostCallbacks& callbacks);

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

/// One row of a tensor as elements of another type: by way of f32 in `values`, which has room for its elements; as it
/// is where both types are one.
///
/// Errors   those of quantize() and dequantize(), which know nothing of the tensor.
inline Status convert_row(ElementType from_type, std::span<const std::byte> from, ElementType to_type,
                          std::span<std::byte> to, std::span<float> values) noexcept {
  if (from_type == to_type) {
    std::copy(from.begin(), from.end(), to.begin());
    return {};
  }
  MOXIE_TRY(dequantize(from_type, from, values));
  return quantize(to_type, values, to);
}

}  // namespace moxie::model
