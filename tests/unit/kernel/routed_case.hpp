// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <moxie/kernel/kernel.hpp>
#include <moxie/model/pathway.hpp>

#include "support/running.hpp"

namespace moxie::test {

/// A checkpoint, its reference's tokens, and what transformers' routers chose for them.
struct Case {
  explicit Case(const std::string& name)
      : model(Model::load(data_folder(name)).value()), tokens(load_reference(name).tokens) {
    const Checkpoint file = Checkpoint::open(data_folder(name) / "reference.safetensors").value();
    const Tensor ids = file.find("experts").value();
    K = ids.dims[2];
    experts = elements<std::int32_t>(ids);
    weights = elements<double>(file.find("expert_weights").value());
    for (const auto l : elements<std::int32_t>(file.find("moe_layers").value())) {
      layers.push_back(static_cast<std::size_t>(l));
    }
    layer = layers.back();
  }

  /// Where a token's K choices in the index-th layer with experts begin in `experts` and `weights`.
  [[nodiscard]] std::size_t at(std::size_t index, std::size_t token) const {
    return (index * tokens.size() + token) * K;
  }
  /// In the last layer.
  [[nodiscard]] bool chose(std::size_t token, std::size_t expert) const {
    const auto of_token = std::span(experts).subspan(at(layers.size() - 1, token), K);
    return std::ranges::find(of_token, static_cast<std::int32_t>(expert)) != of_token.end();
  }
  [[nodiscard]] std::vector<float> logits(Kernel& kernel, const Pathway& pathway, std::size_t chunk = SIZE_MAX) const {
    Context context = kernel.open(pathway).value();
    return all_logits(kernel, context, tokens, model.config().vocab_size, chunk);
  }
  [[nodiscard]] std::size_t width() const { return model.config().hidden_size; }

  Model model;
  std::vector<TokenId> tokens;
  std::size_t K = 0;
  std::vector<std::size_t> layers;    // that have experts
  std::size_t layer = 0;              // the last of them
  std::vector<std::int32_t> experts;  // [layers, tokens, K]
  std::vector<double> weights;        // the same
};

inline Kernel make_kernel(std::size_t threads = 2) {
  return Kernel::create({.threads = threads, .max_step_rows = 64}).value();
}

}  // namespace moxie::test
