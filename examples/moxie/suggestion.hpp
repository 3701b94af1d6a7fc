// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace moxie::program {

/// The one of `known` that `word` was probably meant to be; empty where none is near.
std::string_view nearest(std::string_view word, std::span<const std::string> known);

/// "; did you mean --prompt?", or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string> known);

}  // namespace moxie::program
