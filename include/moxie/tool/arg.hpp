// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <utility>

#include <moxie/tool/tool_type.hpp>

namespace moxie::inline abi1 {

/// One argument of a tool: its name in JSON, its type, and what a model reads about it. *city is the value.
template <FixedString Name, class T, FixedString Description = "">
class Arg {
 public:
  using Value = T;
  static constexpr std::string_view kName = Name.view();
  static constexpr std::string_view kDescription = Description.view();
  static_assert(!kName.empty() && detail::is_plain_text(kName), "an argument needs a name of plain text");
  static_assert(detail::is_plain_text(kDescription), "an argument's description is plain UTF-8 text");
  static_assert(ToolValue<T>, "an argument of a type that has no schema: see moxie::ToolType and moxie::described");

  explicit Arg(T value) : value_(std::move(value)) {}

  const T& operator*() const& noexcept { return value_; }
  T&& operator*() && noexcept { return std::move(value_); }
  const T* operator->() const noexcept { return &value_; }

 private:
  T value_;
};

}  // namespace moxie
