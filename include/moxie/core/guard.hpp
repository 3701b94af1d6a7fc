// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <new>
#include <string_view>
#include <utility>

#include <moxie/core/result.hpp>

namespace moxie::inline abi1 {

/// Runs code of the host, or code that allocates, behind a wall: `body()` returns a Status.
///
/// Errors   kNoMemory for std::bad_alloc, kHostException for anything else that is thrown.
template <class F>
MOXIE_OPTION_TAG Status guarded([[maybe_unused]] std::string_view where, F&& body) noexcept {
#if MOXIE_HAS_EXCEPTIONS
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return Status(Code::kNoMemory, where, "memory", "a refusal from the system");
  } catch (...) {
    return Status(Code::kHostException, where, "a call that returns", "an exception");
  }
#else
  return body();
#endif
}

/// Moves `value` to where copies of a handle can share it.
///
/// Errors   as guarded().
template <class T>
MOXIE_OPTION_TAG Result<std::shared_ptr<const T>> make_shared_value(std::string_view where, T&& value) noexcept {
  std::shared_ptr<const T> shared;
  MOXIE_TRY(guarded(where, [&]() -> Status {
    shared = std::make_shared<const T>(std::move(value));
    return {};
  }));
  return shared;
}

}  // namespace moxie
