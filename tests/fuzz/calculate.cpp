// SPDX-License-Identifier: Apache-2.0
// Any bytes as an expression: a typed error, or a value that obeys what numbers obey.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tool/ready/expression.hpp"

using namespace moxie;
using namespace moxie::tools;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

std::string text_of(const Rational& value, bool& rounded) { return value.text(50, rounded); }

void obey(const Rational& value) {
  bool rounded = false;
  const std::string text = text_of(value, rounded);
  // Written and read again it is the same, unless it was rounded: then it may be shorter, without zeros at its end.
  const Result<Rational> again = evaluate(text, {});
  if (again.ok() && !rounded) {
    bool rounded_again = false;
    require(text_of(*again, rounded_again) == text && !rounded_again);
  }
  const Result<Rational> nothing = Rational::subtract(value, value);
  if (nothing.ok()) require(nothing->is_zero());
  if (value.is_zero()) return;
  const Result<Rational> one = Rational::divide(value, value);
  bool ignored = false;
  if (one.ok()) require(text_of(*one, ignored) == "1");
  const Result<Rational> rest = Rational::remainder(value, value);
  if (rest.ok()) require(rest->is_zero());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Result<Rational> value = evaluate({reinterpret_cast<const char*>(data), size}, {});
  if (value.ok()) {
    obey(*value);
  } else {
    require(value.status().code() == Code::kInvalidArgument || value.status().code() == Code::kBudget);
  }
  return 0;
}
