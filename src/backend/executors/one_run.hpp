// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <string_view>

#include <moxie/core/status.hpp>

namespace moxie::inline abi1 {

/// Lets one run() at a time through, so that a task that calls run(), or a second host thread, gets an
/// error instead of a deadlock.
class OneRun {
 public:
  explicit OneRun(std::atomic_flag& busy) noexcept
      : busy_(busy), entered_(!busy.test_and_set(std::memory_order_acquire)) {}
  ~OneRun() {
    if (entered_) busy_.clear(std::memory_order_release);
  }
  OneRun(const OneRun&) = delete;
  OneRun& operator=(const OneRun&) = delete;

  [[nodiscard]] Status status(std::string_view where) const noexcept {
    if (entered_) return {};
    return Status(Code::kPrecondition, where, "one run() at a time, and none from a task",
                  "a run() while another is not over");
  }

 private:
  std::atomic_flag& busy_;
  bool entered_;
};

}  // namespace moxie
