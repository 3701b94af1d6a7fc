// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <stop_token>
#include <string_view>

#include <moxie/core/status.hpp>

namespace moxie::inline abi1 {

/// When a call has to end. Nobody can end a C++ function from outside, so a tool that may take long has a last
/// parameter `const ToolControl&` and asks it between steps:
///
///     [](moxie::Arg<"query", std::string> query, const moxie::ToolControl& control) -> moxie::Result<std::string> {
///       for (const Page& page : pages) {
///         MOXIE_TRY(control.check("search"));
///         ...
///
/// Errors   of check: kCancelled, kDeadline.
/// Threads  check may be called from any thread; the reference is valid until the tool returns.
struct ToolControl {
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  std::stop_token stop{};

  [[nodiscard]] Status check(std::string_view where) const noexcept {
    if (stop.stop_requested()) return Status(Code::kCancelled, where, "the host to let it go on", "a stop");
    if (std::chrono::steady_clock::now() >= deadline) {
      return Status(Code::kDeadline, where, "an end within its time", "the deadline");
    }
    return {};
  }
};

}  // namespace moxie
