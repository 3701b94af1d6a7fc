// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <moxie/core/result.hpp>
#include <moxie/format/checkpoint.hpp>
#include <moxie/model/model_config.hpp>

namespace moxie::inline abi1::model {

/// Reads config.json as transformers writes it, in its older form (rope_theta, rope_scaling) and its
/// newer (rope_parameters). What moxie cannot run is refused by name, never passed over.
Result<ModelConfig> read_config(std::string_view json);

/// Reads the configuration that a GGUF file's metadata and tensor names give. What moxie cannot run is refused by its
/// key, never passed over.
///
/// Errors   kFormat: a key that is missing, of another type, or in contradiction to another or to a tensor.
///          kUnsupported: another architecture, rope, router or tile layout than the message lists.
/// Source   docs/gguf.md of github.com/ggml-org/ggml, "Standardized key-value pairs"; what llama.cpp makes of
///          qwen3moe: softmax over all experts, the chosen ones' weights divided by their sum
Result<ModelConfig> read_gguf_config(const Checkpoint& checkpoint);

}  // namespace moxie::model
