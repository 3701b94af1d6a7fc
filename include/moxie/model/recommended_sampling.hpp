// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace moxie::inline abi1 {

/// How the makers of a checkpoint would have its tokens chosen, as its files say it: nothing is filled in. moxie never
/// applies it by itself; sampling_of() makes a Sampling of it.
///
/// Source   generation_config.json as transformers' GenerationConfig documents it; the keys general.sampling.* of GGUF
///          as llama.cpp reads and its converter writes them
struct RecommendedSampling {
  std::optional<bool> do_sample = {};  ///< false: greedy, whatever else is said
  std::optional<double> temperature = {};
  std::optional<std::size_t> top_k = {};  ///< 0: all
  std::optional<double> top_p = {};
  std::optional<double> min_p = {};
  std::optional<double> typical_p = {};
  std::optional<double> repetition_penalty = {};
  std::optional<std::size_t> penalty_tokens = {};  ///< SIZE_MAX: the whole context
  /// What it asks for besides and moxie does not have, as it is written: "num_beams 4", "mirostat 2".
  std::vector<std::string> unsupported = {};

  /// Whether it says nothing.
  [[nodiscard]] bool empty() const noexcept {
    return !do_sample && !temperature && !top_k && !top_p && !min_p && !typical_p && !repetition_penalty &&
           !penalty_tokens && unsupported.empty();
  }
};

}  // namespace moxie
