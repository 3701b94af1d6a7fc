// SPDX-License-Identifier: Apache-2.0
#include "failure.hpp"

#include "interrupt.hpp"

namespace moxie::program {

bool prompt_is_too_long(const Status& status) noexcept {
  return status.code() == Code::kBudget && status.where() == "generation";
}

std::string sentence(const Status& status) {
  if (status.code() == Code::kCancelled && Interrupt::asked()) return "stopped by Ctrl-C";
  std::string text(status.message());
  if (prompt_is_too_long(status)) {
    text = "the prompt is too long: needed " + std::string(status.needed()) + ", came " + std::string(status.came()) +
           " (--context sets how many tokens a conversation has room for)";
  } else if (status.code() == Code::kBudget &&
             (status.where() == "kernel memory" || status.came().find("memory_bytes") != std::string_view::npos)) {
    text = "there is too little memory: needed " + std::string(status.needed()) + ", came " +
           std::string(status.came()) + " (--memory sets how much)";
  }
  return text;
}

std::string why_cut(StopReason reason, const Context& context) {
  switch (reason) {
    case StopReason::kContextFull:
      return "the answer is cut: the conversation fills its " + std::to_string(context.max_positions()) + " tokens";
    case StopReason::kToolRounds: return "the answer is cut: the model asked for tools again and again";
    default: return {};
  }
}

}  // namespace moxie::program
