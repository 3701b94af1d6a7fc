// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <moxie/core/json_string.hpp>

namespace moxie::inline abi1::model {

/// A text that grows. Numbers are written with the fewest digits that read back as the same float.
class Writer {
 public:
  Writer& text(std::string_view more) {
    out_ += more;
    return *this;
  }
  Writer& json(std::string_view string) {
    json::write_string(string, [this](std::string_view piece) { out_ += piece; });
    return *this;
  }
  template <class N>
  Writer& number(N value) {
    std::array<char, 48> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out_.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
    return *this;
  }
  /// JSON and CSV have no word for what is not finite.
  Writer& finite(float value, std::string_view otherwise) {
    return std::isfinite(value) ? number(value) : text(otherwise);
  }
  Writer& hex(std::uint64_t value) {
    for (unsigned shift = 64; shift != 0; shift -= 4) out_ += "0123456789abcdef"[value >> (shift - 4) & 0xfU];
    return *this;
  }
  /// `write(i)` for each of n, with commas between.
  template <class Write>
  Writer& list(std::size_t n, Write&& write) {
    for (std::size_t i = 0; i < n; ++i) {
      if (i > 0) out_ += ',';
      write(i);
    }
    return *this;
  }
  [[nodiscard]] std::string take() noexcept { return std::move(out_); }

 private:
  std::string out_;
};

}  // namespace moxie::model
