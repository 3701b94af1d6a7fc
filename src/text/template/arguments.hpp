// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <string_view>

#include "text/template/meter.hpp"
#include "text/template/operators.hpp"

namespace moxie::inline abi1::text {

/// What a call hands over, and how it is matched with parameters.
struct Arguments {
  struct Named {
    std::string_view name;
    Value value;
  };

  explicit Arguments(Meter& meter) : positional(MeterAllocator<Value>(&meter)), named(MeterAllocator<Named>(&meter)) {}

  /// The value of each of `parameters`, null where it was left out. Fails where the first `required` are not all
  /// there, or where more was given.
  template <std::size_t N>
  std::array<const Value*, N> bind(std::string_view callee, const std::string_view (&parameters)[N],
                                   std::size_t required = 0) const {
    std::array<const Value*, N> out{};
    if (positional.size() > N) {
      fail(Code::kFormat, Text("at most ", N, " argument(s) of '", callee, "'"), Text(positional.size()));
    }
    for (std::size_t i = 0; i < positional.size(); ++i) out[i] = &positional[i];
    for (const Named& each : named) {
      std::size_t i = 0;
      while (i < N && parameters[i] != each.name) ++i;
      if (i == N || out[i] != nullptr) {
        fail(Code::kFormat, Text("arguments of '", callee, "', each once"), Text("'", each.name, "'"));
      }
      out[i] = &each.value;
    }
    for (std::size_t i = 0; i < required; ++i) {
      if (out[i] == nullptr) fail(Code::kFormat, Text("argument '", parameters[i], "' of '", callee, "'"), "nothing");
    }
    return out;
  }
  void bind_none(std::string_view callee) const {
    if (!positional.empty() || !named.empty()) fail(Code::kFormat, Text("no argument of '", callee, "'"), "some");
  }

  MeteredVector<Value> positional;
  MeteredVector<Named> named;
  Value spread;  // of `**`: names may point into it
};

/// An argument as what it must be; `otherwise` where it is left out or, if `or_none`, None.
std::int64_t whole_argument(const Value* argument, std::int64_t otherwise, std::string_view what, bool or_none = false);
bool truth_argument(const Value* argument, bool otherwise) noexcept;
const Value& string_argument(const Value* argument, std::string_view what);

}  // namespace moxie::text
