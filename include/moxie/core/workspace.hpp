// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include <moxie/core/budget.hpp>
#include <moxie/core/result.hpp>
#include <moxie/core/views.hpp>

namespace moxie::inline abi1 {

namespace backend {
class Worker;
}

/// Scratch memory for one call on one thread: a stack that is handed down and rewound.
///
///     Workspace::Frame frame(ws);                               // everything taken below is given back
///     MOXIE_TRY_LET(Rows hidden, ws.rows(x.rows, inner_width));
///
/// Units    every piece begins on 64 bytes and uses a multiple of 64; bytes_for() says how many.
/// Errors   kNoSpace: what was asked and what was left. Nothing is taken then.
/// Threads  one thread at a time.
class Workspace {
 public:
  static constexpr std::size_t kAlignment = 64;

  Workspace() noexcept = default;
  /// Uses caller's memory; up to 63 bytes are lost where it is not aligned.
  explicit Workspace(std::span<std::byte> memory) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
    const std::size_t skip = (kAlignment - address % kAlignment) % kAlignment;
    if (skip < memory.size()) {
      begin_ = memory.data() + skip;
      size_ = memory.size() - skip;
    }
  }

  /// What take<T>(count) uses, in bytes.
  template <class T>
  static constexpr std::size_t bytes_for(std::size_t count) noexcept {
    return (count * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
  }

  /// Uninitialised room for `count` elements.
  template <class T>
  requires(std::is_trivially_copyable_v<T> && alignof(T) <= kAlignment)
      [[nodiscard]] Result<std::span<T>> take(std::size_t count) noexcept {
    // Divides instead of multiplying, so that no count overflows.
    if (count > free_bytes() / sizeof(T) || bytes_for<T>(count) > free_bytes()) {
      return Status(Code::kNoSpace, "Workspace::take", Text(count, " elements of ", sizeof(T), " bytes"),
                    Text(free_bytes(), " bytes free of ", size_));
    }
    T* data = reinterpret_cast<T*>(begin_ + used_);
    used_ += bytes_for<T>(count);
    return std::span<T>(data, count);
  }
  /// Uninitialised dense f32 rows.
  [[nodiscard]] Result<Rows> rows(std::size_t count, std::size_t width) noexcept {
    if (width != 0 && count > free_bytes() / sizeof(float) / width) {
      return Status(Code::kNoSpace, "Workspace::rows", Text(count, " rows of ", width, " floats"),
                    Text(free_bytes(), " bytes free of ", size_));
    }
    MOXIE_TRY_LET(const std::span<float> memory, take<float>(count * width));
    return Rows(memory.data(), count, width);
  }

  [[nodiscard]] std::size_t free_bytes() const noexcept { return size_ - used_; }
  [[nodiscard]] std::size_t used_bytes() const noexcept { return used_; }

  /// What the backend keeps for the thread that uses this workspace: the ISA path in force and its
  /// warm objects. Null in a bare workspace, which then takes the machine's best path.
  [[nodiscard]] backend::Worker* worker() const noexcept { return worker_; }
  void set_worker(backend::Worker* worker) noexcept { worker_ = worker; }

  /// Remembers how much is taken and gives everything above it back.
  class Frame {
   public:
    explicit Frame(Workspace& workspace) noexcept : workspace_(workspace), used_(workspace.used_) {}
    ~Frame() { workspace_.used_ = used_; }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

   private:
    Workspace& workspace_;
    std::size_t used_;
  };

 private:
  std::byte* begin_ = nullptr;
  std::size_t size_ = 0;
  std::size_t used_ = 0;
  backend::Worker* worker_ = nullptr;
};

/// Aligned memory with an owner, charged to a budget where one is given.
///
/// Errors   kBudget, kNoMemory.
class AlignedBuffer {
 public:
  AlignedBuffer() noexcept = default;
  static Result<AlignedBuffer> create(std::size_t bytes, Budget* budget = nullptr) {
    AlignedBuffer buffer;
    if (budget != nullptr) {
      MOXIE_TRY_LET(buffer.charge_, budget->charge(bytes));
    }
    buffer.data_.reset(
        static_cast<std::byte*>(::operator new (bytes, std::align_val_t{Workspace::kAlignment}, std::nothrow)));
    if (buffer.data_ == nullptr) {
      return Status(Code::kNoMemory, "AlignedBuffer", Text(bytes, " bytes"), "a refusal from the system");
    }
    buffer.size_ = bytes;
    return buffer;
  }

  [[nodiscard]] std::byte* data() const noexcept { return data_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return {data_.get(), size_}; }
  template <class T>
  [[nodiscard]] std::span<T> as() const noexcept {
    return {reinterpret_cast<T*>(data_.get()), size_ / sizeof(T)};
  }

 private:
  struct Free {
    void operator()(std::byte* data) const noexcept {
      ::operator delete (static_cast<void*>(data), std::align_val_t{Workspace::kAlignment});
    }
  };

  Charge charge_;
  std::unique_ptr<std::byte, Free> data_;
  std::size_t size_ = 0;
};

}  // namespace moxie
