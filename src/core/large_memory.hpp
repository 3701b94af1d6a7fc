// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include <moxie/core/result.hpp>

namespace moxie::inline abi1 {

/// Memory for what is large and stays: weights, a file that was read, the workspace of a thread. From 2 MiB on it comes
/// from the system in huge pages where the system gives them. A token reads hundreds of megabytes of weights from
/// all over memory; in pages of 4 KiB, looking up where they are costs as much as reading them.
///
/// Errors   kNoMemory, which names `where`; also for more bytes than a size_t counts.
class LargeMemory {
 public:
  static constexpr std::size_t kAlignment = 64;

  LargeMemory() noexcept = default;
  LargeMemory(LargeMemory&& other) noexcept
      : bytes_(std::exchange(other.bytes_, {})), mapped_(std::exchange(other.mapped_, false)) {}
  LargeMemory& operator=(LargeMemory&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(mapped_, other.mapped_);
    return *this;
  }
  ~LargeMemory();

  /// What is in it is unspecified. The system takes memory for it as it is touched.
  static Result<LargeMemory> create(std::uint64_t size, std::string_view where) noexcept;

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
  /// Gives the system back what lies behind the first `used` bytes, as far as it is whole pages: a huge page is taken
  /// whole.
  void release_behind(std::size_t used) const noexcept;

 private:
  std::span<std::byte> bytes_;
  bool mapped_ = false;  ///< or it came from operator new
};

}  // namespace moxie
