// SPDX-License-Identifier: Apache-2.0
// Any bytes as config.json: a typed error, or a configuration that a model can be built from.
#include "model/load/config.hpp"
#include "model/families/family.hpp"
#include "model/run/rope.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <moxie/core/checked.hpp>

using namespace moxie;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

template <class... Sizes>
void require_product(Sizes... sizes) {
  require(checked::multiply(static_cast<std::uint64_t>(sizes)...).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Result<ModelConfig> config = model::read_config({reinterpret_cast<const char*>(data), size});
  if (!config.ok()) {
    require(config.status().code() == Code::kFormat || config.status().code() == Code::kUnsupported);
    require(config.status().where() == "config.json" && !config.status().needed().empty());
    return 0;
  }
  require(model::find_family(config->model_type) != nullptr);
  for (const std::size_t positive :
       {config->hidden_size, config->num_hidden_layers, config->num_attention_heads, config->num_key_value_heads,
        config->head_dim, config->vocab_size, config->max_position_embeddings}) {
    require(positive > 0);
  }
  require(config->num_attention_heads % config->num_key_value_heads == 0 && config->head_dim % 2 == 0);
  // The largest matrices in f32, and one page of keys and values.
  require_product(config->vocab_size, config->hidden_size, 4);
  require_product(config->num_attention_heads, config->head_dim, config->hidden_size, 4);
  require_product(config->intermediate_size, config->hidden_size, 4);
  require_product(config->moe_intermediate_size, config->hidden_size, 4);
  require_product(config->num_hidden_layers, config->num_key_value_heads, config->head_dim, 2 * 32 * 4);

  require(config->moe_layers.size() == config->num_hidden_layers);
  bool experts = false;
  bool dense = false;
  for (const bool moe : config->moe_layers) (moe ? experts : dense) = true;
  require(dense == (config->intermediate_size > 0));
  require(experts == (config->num_experts > 0) && experts == (config->moe_intermediate_size > 0));
  require(experts == (config->num_experts_per_tok > 0) && config->num_experts_per_tok <= config->num_experts);

  require(config->sliding_windows.size() == config->num_hidden_layers);
  for (const float factor : model::frequency_factors(config->rope_scaling, config->head_dim, config->rope_theta)) {
    require(std::isnormal(factor) && factor >= 0.999f);
  }
  require(std::isfinite(config->rope_scaling.attention_factor) && config->rope_scaling.attention_factor > 0);

  const auto eps = static_cast<float>(config->rms_norm_eps);
  require(std::isnormal(eps) && eps > 0);
  require(std::isfinite(std::pow(config->rope_theta, -1.0)) && config->rope_theta >= 1);
  return 0;
}
