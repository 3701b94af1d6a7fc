// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <moxie/model/model_config.hpp>

#include "model/load/gguf_keys.hpp"

namespace moxie::inline abi1::model {

/// Widths of latent attention. Files from before llama.cpp split kv_b have no key_length_mla, and say of each head what
/// newer ones say of the cache.
void read_gguf_latent_attention(ModelConfig& config, GgufKeys& keys);

}  // namespace moxie::model
