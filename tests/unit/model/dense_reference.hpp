// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "support/running.hpp"

// What tests/differential/numpy_dense.py recorded.

namespace moxie::test {

/// As tokens_of() of the script says.
inline std::vector<TokenId> recorded_tokens(std::size_t count, std::size_t vocab_size) {
  std::vector<TokenId> tokens(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto product = static_cast<std::uint32_t>(i * std::uint64_t{2654435761u});
    tokens[i] = static_cast<TokenId>((product >> 16) % vocab_size);
  }
  return tokens;
}

/// The largest difference over the largest logit, of the positions that were recorded; `all` are the logits of every
/// position. Infinite where one is no number.
inline double error_of_recorded(const std::filesystem::path& path, KvType type, std::span<const float> all,
                                std::size_t vocab_size) {
  const Checkpoint file = Checkpoint::open(path).value();
  const auto positions = elements<std::int32_t>(file.find("positions").value());
  const auto expected = elements<double>(file.find("logits." + std::string(name(type))).value());
  if (positions.empty() || expected.size() != positions.size() * vocab_size ||
      all.size() != (static_cast<std::size_t>(positions.back()) + 1) * vocab_size) {
    throw std::runtime_error("a record of another shape");
  }
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto row = static_cast<std::size_t>(positions[i / vocab_size]);
    const auto came = static_cast<double>(all[row * vocab_size + i % vocab_size]);
    if (!std::isfinite(came)) return std::numeric_limits<double>::infinity();
    difference = std::max(difference, std::abs(came - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  return difference / largest;
}

/// The logits of the recorded tokens.
inline std::vector<float> logits_of_recorded(const Model& model, std::size_t count, const KernelOptions& options,
                                             ContextUsage* usage = nullptr) {
  Kernel kernel = Kernel::create(options).value();
  Context context = kernel.open(model).value();
  const std::size_t vocab_size = model.config().vocab_size;
  std::vector<float> logits = all_logits(kernel, context, recorded_tokens(count, vocab_size), vocab_size);
  if (usage != nullptr) *usage = context.usage();
  return logits;
}

}  // namespace moxie::test
