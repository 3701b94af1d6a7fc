// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>

namespace moxie::inline abi1 {

/// What a tool answers, as text of a bounded size: bytes beyond the limit are counted and not kept.
///
/// Units    the limit and size() are in bytes.
/// Errors   add and quote let std::bad_alloc through.
/// Threads  one at a time.
class MOXIE_API ResultText {
 public:
  explicit ResultText(std::size_t limit_bytes) noexcept : limit_bytes_(limit_bytes) {}

  void add(std::string_view text);
  /// The text as a JSON string.
  void quote(std::string_view text);

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] bool whole() const noexcept { return size_ == kept_.size(); }
  [[nodiscard]] const std::string& kept() const noexcept { return kept_; }
  [[nodiscard]] std::string take() noexcept { return std::exchange(kept_, {}); }

 private:
  std::size_t limit_bytes_;
  std::uint64_t size_ = 0;
  std::string kept_;
};

}  // namespace moxie
