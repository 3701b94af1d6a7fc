// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include <moxie/core/config.hpp>
#include <moxie/core/text.hpp>

namespace moxie::inline abi1 {

/// What kind of failure it was. docs/errors.md says for each what a host can do about it.
enum class Code : std::uint8_t {
  kOk,
  kInvalidArgument,  ///< a value outside what the call accepts
  kShape,            ///< rows or widths that do not belong together
  kNoSpace,          ///< memory that the caller handed over is too small
  kBudget,           ///< a limit that the host set would be overrun
  kNoMemory,         ///< the system has no memory left
  kNotFound,         ///< a file, tensor or key that is not there
  kIo,               ///< the system could not read or write
  kFormat,           ///< a file whose content breaks its format
  kUnsupported,      ///< well-formed, but not something this build can run
  kCancelled,        ///< the host asked to stop
  kDeadline,         ///< the time that the host gave is used up
  kNoThreads,        ///< the system refused a thread
  kPrecondition,     ///< the object is not in a state in which the call makes sense
  kHostException,    ///< a callback or plug-in of the host threw
  kInternal,         ///< a defect in moxie: please report it
};

constexpr std::string_view name(Code code) noexcept {
  switch (code) {
    case Code::kOk: return "ok";
    case Code::kInvalidArgument: return "invalid argument";
    case Code::kShape: return "shape";
    case Code::kNoSpace: return "no space";
    case Code::kBudget: return "budget";
    case Code::kNoMemory: return "no memory";
    case Code::kNotFound: return "not found";
    case Code::kIo: return "i/o";
    case Code::kFormat: return "format";
    case Code::kUnsupported: return "unsupported";
    case Code::kCancelled: return "cancelled";
    case Code::kDeadline: return "deadline";
    case Code::kNoThreads: return "no threads";
    case Code::kPrecondition: return "precondition";
    case Code::kHostException: return "host exception";
    case Code::kInternal: return "internal";
  }
  return "unknown";
}

/// The outcome of a call: fine, or a typed error that says where, what was needed and what came.
///
///     return Status(Code::kShape, "TopK::route", Text("weights of [", t, ", ", k, "]"), Text(...));
///
/// Errors   making a Status never fails: where even its text finds no memory, the code stays.
/// Threads  a value; copies share an immutable text and may be used from any thread.
class [[nodiscard]] Status {
 public:
  Status() noexcept = default;
  Status(Code code, std::string_view where, std::string_view needed, std::string_view came) noexcept
      : code_(code), detail_(code == Code::kOk ? nullptr : Detail::make(where, needed, came)) {}

  Status(const Status& other) noexcept : code_(other.code_), detail_(other.detail_) {
    if (detail_ != nullptr) detail_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  Status(Status&& other) noexcept
      : code_(std::exchange(other.code_, Code::kOk)), detail_(std::exchange(other.detail_, nullptr)) {}
  Status& operator=(Status other) noexcept {
    std::swap(code_, other.code_);
    std::swap(detail_, other.detail_);
    return *this;
  }
  ~Status() {
    if (detail_ != nullptr && detail_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      detail_->~Detail();
      ::operator delete(static_cast<void*>(detail_));
    }
  }

  [[nodiscard]] bool ok() const noexcept { return code_ == Code::kOk; }
  [[nodiscard]] Code code() const noexcept { return code_; }
  /// "<where>: needed <needed>, came <came>", on one line; empty when ok.
  [[nodiscard]] std::string_view message() const noexcept {
    if (detail_ == nullptr) return ok() ? std::string_view() : name(code_);
    return {detail_->text(), detail_->size};
  }
  [[nodiscard]] std::string_view where() const noexcept { return part(0, &Detail::where_end); }
  [[nodiscard]] std::string_view needed() const noexcept {
    return detail_ == nullptr ? std::string_view()
                              : message().substr(detail_->where_end + kNeeded.size(), detail_->needed_size);
  }
  [[nodiscard]] std::string_view came() const noexcept {
    return detail_ == nullptr
               ? std::string_view()
               : message().substr(detail_->where_end + kNeeded.size() + detail_->needed_size + kCame.size());
  }

 private:
  static constexpr std::string_view kNeeded = ": needed ";
  static constexpr std::string_view kCame = ", came ";

  // One block: the counts, then the text. Shared by copies, so that a Status is two words.
  struct Detail {
    std::atomic<std::uint32_t> refs{1};
    std::uint32_t where_end = 0;
    std::uint32_t needed_size = 0;
    std::uint32_t size = 0;

    char* text() noexcept { return reinterpret_cast<char*>(this + 1); }

    static Detail* make(std::string_view where, std::string_view needed, std::string_view came) noexcept {
      const auto clip = [](std::string_view s) { return s.substr(0, 4096); };
      where = clip(where), needed = clip(needed), came = clip(came);
      const std::size_t size = where.size() + kNeeded.size() + needed.size() + kCame.size() + came.size();
      void* memory = ::operator new(sizeof(Detail) + size, std::nothrow);
      if (memory == nullptr) return nullptr;
      auto* detail = new (memory) Detail;
      detail->where_end = static_cast<std::uint32_t>(where.size());
      detail->needed_size = static_cast<std::uint32_t>(needed.size());
      detail->size = static_cast<std::uint32_t>(size);
      char* out = detail->text();
      for (const std::string_view part : {where, kNeeded, needed, kCame, came}) {
        // Names that come from files may hold anything; an error stays one printable line. U+0080 to U+009F are
        // controls too.
        const char* const begin = out;
        for (const char c : part) {
          const auto byte = static_cast<unsigned char>(c);
          const bool c1 = byte >= 0x80 && byte < 0xa0 && out != begin && out[-1] == '\xc2';
          if (c1) out[-1] = '?';
          *out++ = byte < 0x20 || byte == 0x7f || c1 ? '?' : c;
        }
      }
      return detail;
    }
  };

  [[nodiscard]] std::string_view part(std::size_t begin, std::uint32_t Detail::*end) const noexcept {
    return detail_ == nullptr ? std::string_view() : message().substr(begin, detail_->*end - begin);
  }

  Code code_ = Code::kOk;
  Detail* detail_ = nullptr;
};

}  // namespace moxie

/// Leaves the current function with the error of `expression`, if it has one.
#define MOXIE_TRY(expression)                                                                             \
  do {                                                                                                    \
    if (::moxie::Status moxie_try_status = (expression); !moxie_try_status.ok()) return moxie_try_status; \
  } while (false)
