// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <moxie/format/checkpoint.hpp>
#include <moxie/format/gguf_writer.hpp>
#include <moxie/model/model_config.hpp>

#include "model/gguf_key_writer.hpp"
#include "model/tensor_names.hpp"

namespace moxie::model {

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

}  // namespace moxie::model
