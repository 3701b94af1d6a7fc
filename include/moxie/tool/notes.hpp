// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>

namespace moxie::inline abi1::tools {

struct NotesLimits {
  std::size_t max_notes = 1000;
  std::size_t max_key_bytes = 128;
  std::size_t max_bytes = 1U << 20U;  ///< of all keys and texts together
};

/// What a model asked to remember: texts by key, within limits, for as long as the host keeps it.
///
/// Errors   put: kInvalidArgument for a key that is empty or too long; kBudget where a limit would be overrun, and then
///          the note is as it was.  get, erase: kNotFound.  All: kNoMemory.
/// Threads  any, at once.
class MOXIE_API Notes {
 public:
  explicit Notes(const NotesLimits& limits = {}) noexcept : limits_(limits) {}
  Notes(const Notes&) = delete;
  Notes& operator=(const Notes&) = delete;
  ~Notes();

  /// A text that is there under that key is replaced.
  Status put(std::string_view key, std::string_view text) noexcept;
  [[nodiscard]] Result<std::string> get(std::string_view key) const noexcept;
  Status erase(std::string_view key) noexcept;
  /// Ascending, byte by byte.
  [[nodiscard]] Result<std::vector<std::string>> keys() const noexcept;

 private:
  NotesLimits limits_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> notes_;
  std::size_t bytes_ = 0;
};

}  // namespace moxie::tools
