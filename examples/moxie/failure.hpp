// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <moxie/context/context.hpp>
#include <moxie/core/status.hpp>
#include <moxie/kernel/generation.hpp>

// What went wrong, in the words of who sits in front of it.

namespace moxie::program {

/// The message, and which option helps.
[[nodiscard]] std::string sentence(const Status& status);

/// Why an answer is no whole one; empty where the model ended it or the user's own limits did.
[[nodiscard]] std::string why_cut(StopReason reason, const Context& context);

/// Whether the prompt alone is more than the context holds.
[[nodiscard]] bool prompt_is_too_long(const Status& status) noexcept;

}  // namespace moxie::program
