// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include <moxie/core/status.hpp>
#include <moxie/core/views.hpp>

namespace moxie::inline abi1 {

class Context;

/// Which rows of a request give logits.
enum class Logits : std::uint8_t {
  kNone,
  kLast,  ///< of the last token
  kAll,
};

/// Tokens for one context, and where their logits go. The host keeps it until it is done and hands it to
/// Kernel::step() as often as that takes. What it points to belongs to the host.
struct Request {
  Context* context = nullptr;
  std::span<const TokenId> tokens = {};
  Logits want = Logits::kLast;
  Rows logits = {};                           ///< [1, V] for kLast, [tokens.size(), V] for kAll
  const std::atomic<bool>* cancel = nullptr;  ///< true: stop; looked at before, in and after a step
  std::size_t max_rows = SIZE_MAX;            ///< rows of one step at most: where a prompt is cut
  /// Looked at where `cancel` is; then it stops with kDeadline.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();

  std::size_t done = 0;        ///< tokens that are in the context now
  Status status = {};          ///< why it stopped; ok while it goes on or when it is done
  std::size_t recomputed = 0;  ///< positions that its context had lost to others (ContextUsage::absent_positions)

  [[nodiscard]] bool finished() const noexcept { return !status.ok() || done == tokens.size(); }
};

}  // namespace moxie
