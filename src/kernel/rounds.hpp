// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <moxie/core/result.hpp>
#include <moxie/core/views.hpp>
#include <moxie/kernel/generation.hpp>
#include <moxie/text/answer_stream.hpp>

namespace moxie::inline abi1::kernel {

class GenerationState;

/// Who makes one answer of several rounds, each a prompt and what the model says to it: a chat with tools. The kernel
/// knows no more of conversations than this.
///
/// Functions let std::bad_alloc through unless they are noexcept.
class Rounds {
 public:
  struct Prompt {
    std::vector<TokenId> tokens;  ///< to be computed after what the context has
    AnswerOptions answer;
  };

  virtual ~Rounds() = default;
  [[nodiscard]] virtual Result<Prompt> begin_round() = 0;
  /// kNone: another round is to begin. It may call the host, which may end the generation.
  [[nodiscard]] virtual Result<StopReason> end_round(const GenerationState& generation, StopReason reason) = 0;
  /// No round will follow. Not well: the answer failed or was cancelled.
  virtual void close(bool well) noexcept = 0;
};

}  // namespace moxie
