// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <moxie/core/result.hpp>
#include <moxie/tool/tool_control.hpp>

#include "tool/ready/rational.hpp"

namespace moxie::inline abi1::tools {

inline constexpr std::size_t kMaxExpressionBytes = 4096;
inline constexpr std::size_t kMaxBrackets = 100;  // open at once

/// The value of an expression: numbers, + - * / % ^ (also **, and the signs that people print for minus, times and
/// division), brackets, a sign before a number or a bracket. ^ binds to the right and more than a sign before it, so
/// -2^2 is -4. Does not recurse, so no expression costs stack.
///
/// Errors   kInvalidArgument: no expression, and where it stops being one; what Rational refuses.
///          kBudget: too long, too deep; a number beyond Rational's.  kDeadline, kCancelled: as `control` says.
///          Lets std::bad_alloc through.
Result<Rational> evaluate(std::string_view expression, const ToolControl& control);

}  // namespace moxie::tools
