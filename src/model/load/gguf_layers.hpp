// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <moxie/core/status.hpp>
#include <moxie/model/model_config.hpp>

#include "model/convert/gguf_key_writer.hpp"
#include "model/load/gguf_keys.hpp"

// Keys of architectures in which layers with a window differ from those without in more than that; what ends in _swa is
// of the former.

namespace moxie::inline abi1::model {

/// sliding_windows by `attention.sliding_window` and `attention.sliding_window_pattern`, a list of true and false.
void read_gguf_windows(GgufKeys& keys, ModelConfig& config);

/// Heads of layers with a window, and a rope of their own: `key_length_swa`, `value_length_swa`, `rope.freq_base_swa`,
/// `rope.dimension_count_swa`. Where one is not there it is as in other layers.
void read_gguf_local_layers(GgufKeys& keys, ModelConfig& config);

/// What they need in common: a layer with a window.
Status check_any_window(const ModelConfig& config);

/// Write what those two read; the second both, but for the pattern where the architecture has no list of it.
Status write_gguf_windows(GgufKeyWriter& keys, const ModelConfig& config, bool pattern = true);
Status write_gguf_local_layers(GgufKeyWriter& keys, const ModelConfig& config, bool pattern = true);

}  // namespace moxie::model
