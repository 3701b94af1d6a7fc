// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <moxie/core/text.hpp>
#include <moxie/core/views.hpp>

// Two ways to compare rows. Both give "" where the rows agree, and words where they do not:
//     CHECK(bit_difference(a, b) == "");
//     CHECK(difference(y, reference, 2 * K + 4) == "");

namespace moxie::test {

/// What rows should be, from a computation in double, and how large the numbers were that went into
/// each: the sum of absolute values where `value` is a sum. Rounding errors grow with `magnitude`, not
/// with `value`, which may be small by cancellation.
struct Reference {
  Reference(std::size_t rows_in, std::size_t width_in)
      : rows(rows_in), width(width_in), value(rows * width), magnitude(rows * width) {}

  std::size_t rows;
  std::size_t width;
  std::vector<double> value;
  std::vector<double> magnitude;

  void set(std::size_t row, std::size_t column, double v, double m) {
    value[row * width + column] = v;
    magnitude[row * width + column] = m;
  }
};

/// Whether y is the reference but for `roundings` f32 roundings of its magnitudes.
///
/// A reference that is mostly zero proves nothing and is refused, as is a magnitude below |value|.
inline std::string difference(ConstRows y, const Reference& reference, double roundings) {
  if (y.rows != reference.rows || y.width != reference.width) {
    return std::string(Text("[", y.rows, ", ", y.width, "], not [", reference.rows, ", ", reference.width, "]").view());
  }
  constexpr double kUnit = 0x1p-24;       // half an ulp of 1
  constexpr double kSmallest = 0x1p-149;  // what is lost below the normal numbers
  std::size_t zeros = 0;
  for (std::size_t i = 0; i < reference.rows; ++i) {
    for (std::size_t j = 0; j < reference.width; ++j) {
      const double want = reference.value[i * reference.width + j];
      const double size = reference.magnitude[i * reference.width + j];
      const double came = static_cast<double>(y[i][j]);
      zeros += want == 0.0 ? 1 : 0;
      const auto say = [&](const char* what) {
        return std::string(Text(what, " at row ", i, ", column ", j, ": ", came, ", not ", want).view());
      };
      if (std::isnan(want) || std::isnan(came)) {
        if (std::isnan(want) != std::isnan(came)) return say("NaN");
      } else if (std::isinf(want) || std::isinf(came)) {
        if (want != came) return say("infinity");
      } else {
        if (size < std::abs(want)) return say("a magnitude below the value");
        const double allowed = roundings * (kUnit * size + kSmallest);
        if (!(std::abs(came - want) <= allowed)) return say("difference");
      }
    }
  }
  const std::size_t all = reference.rows * reference.width;
  if (all != 0 && zeros * 2 > all) {
    return std::string(Text("a reference that proves nothing: ", zeros, " zeros of ", all).view());
  }
  return {};
}

/// Whether two f32 or i32 views hold the same bits: NaN equals the same NaN, 0 is not -0.
template <class T, class U>
requires(sizeof(T) == 4 && sizeof(U) == 4) std::string bit_difference(RowsOf<T> a, RowsOf<U> b) {
  if (a.rows != b.rows || a.width != b.width) {
    return std::string(Text("[", a.rows, ", ", a.width, "], not [", b.rows, ", ", b.width, "]").view());
  }
  for (std::size_t i = 0; i < a.rows; ++i) {
    for (std::size_t j = 0; j < a.width; ++j) {
      if (std::bit_cast<std::uint32_t>(a[i][j]) != std::bit_cast<std::uint32_t>(b[i][j])) {
        return std::string(Text("row ", i, ", column ", j, ": ", a[i][j], ", not ", b[i][j]).view());
      }
    }
  }
  return {};
}

/// Whether both are the same, bit for bit: NaN equals the same NaN, and 0 is not -0.
inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  // memcmp may not be given an empty span's null pointer.
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

}  // namespace moxie::test
