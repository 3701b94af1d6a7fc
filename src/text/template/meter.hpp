// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include <moxie/core/status.hpp>
#include <moxie/core/text.hpp>

namespace moxie::inline abi1::text {

/// How the interpreter leaves a render that cannot go on. It is thrown inside this layer alone and caught at
/// the public boundary, where it becomes the Status of the call: an interpreter of expressions would otherwise
/// spend most of its lines, and most of its stack, on handing statuses up.
struct Failure {
  Code code;
  Status status;  ///< where: to be filled in with the line
};

[[noreturn]] inline void fail(Code code, std::string_view needed, std::string_view came) {
  throw Failure{code, Status(code, {}, needed, came)};
}

/// What one render may still spend. Everything it allocates is charged here before it is taken.
class Meter {
 public:
  Meter(std::uint64_t steps, std::uint64_t bytes, std::uint64_t text_bytes) noexcept
      : steps_left_(steps), bytes_left_(bytes), steps_(steps), bytes_(bytes), text_bytes_(text_bytes) {}
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  void step(std::uint64_t count = 1) {
    if (count > steps_left_) fail(Code::kBudget, Text("at most ", steps_, " steps (max_steps)"), "more");
    steps_left_ -= count;
  }
  /// The price of touching that many bytes, next to the step that did it.
  void touch(std::uint64_t bytes) { step(bytes / 32); }

  void take(std::uint64_t bytes) {
    if (bytes > bytes_left_) {
      fail(Code::kBudget, Text("at most ", bytes_, " bytes of memory (max_memory_bytes)"),
           Text(bytes, " more with ", bytes_left_, " left"));
    }
    bytes_left_ -= bytes;
  }
  void give(std::uint64_t bytes) noexcept { bytes_left_ += bytes; }

  /// Whether one text may become that long.
  void check_text(std::uint64_t bytes) const {
    if (bytes > text_bytes_) {
      fail(Code::kBudget, Text("texts of at most ", text_bytes_, " bytes (max_output_bytes)"), Text(bytes));
    }
  }

 private:
  std::uint64_t steps_left_;
  std::uint64_t bytes_left_;
  std::uint64_t steps_;
  std::uint64_t bytes_;
  std::uint64_t text_bytes_;
};

/// Memory that a Meter is charged with; without one (values made by a host) it is plain memory.
template <class T>
class MeterAllocator {
 public:
  using value_type = T;
  using propagate_on_container_move_assignment = std::true_type;
  using propagate_on_container_swap = std::true_type;

  explicit MeterAllocator(Meter* meter) noexcept : meter_(meter) {}
  template <class U>
  MeterAllocator(const MeterAllocator<U>& other) noexcept  // NOLINT(google-explicit-constructor)
      : meter_(other.meter()) {}

  T* allocate(std::size_t count) {
    if (count > SIZE_MAX / sizeof(T)) throw std::bad_alloc();
    if (meter_ != nullptr) meter_->take(count * sizeof(T));
    try {
      return static_cast<T*>(::operator new(count * sizeof(T)));
    } catch (...) {
      if (meter_ != nullptr) meter_->give(count * sizeof(T));
      throw;
    }
  }
  void deallocate(T* memory, std::size_t count) noexcept {
    if (meter_ != nullptr) meter_->give(count * sizeof(T));
    ::operator delete(memory);
  }
  [[nodiscard]] Meter* meter() const noexcept { return meter_; }
  template <class U>
  bool operator==(const MeterAllocator<U>& other) const noexcept {
    return meter_ == other.meter();
  }

 private:
  Meter* meter_;
};

template <class T>
using MeteredVector = std::vector<T, MeterAllocator<T>>;
using MeteredString = std::basic_string<char, std::char_traits<char>, MeterAllocator<char>>;

}  // namespace moxie::text
