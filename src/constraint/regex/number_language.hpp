// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace moxie::inline abi1::constraint {

/// One end of a range of numbers, written out: no zeros in front of `whole`, none behind `fraction`.
struct NumberBound {
  bool present = false;
  bool open = false;  ///< the bound itself is outside
  bool negative = false;
  std::string whole{};  ///< empty: 0
  std::string fraction{};
  friend bool operator==(const NumberBound&, const NumberBound&) = default;
};

/// The decimal numbers within bounds that are multiples of step / 10^step_places, written as JSON writes numbers,
/// without exponent: -12.50. Zeros behind the point are as good as none, but a language of whole numbers has no point.
struct NumberLanguage {
  static constexpr std::uint32_t kMaxWholeDigits = 300;  ///< more, and no double holds it
  static constexpr std::uint32_t kMaxFractionDigits = 300;
  /// With bounds, a step has at most this value: what can still be reached is then found by looking.
  static constexpr std::uint64_t kMaxBoundedStep = 100000;
  static constexpr std::uint64_t kMaxStep = UINT32_MAX;

  NumberBound least{};
  NumberBound most{};
  std::uint64_t step = 0;  ///< 0: any number
  std::uint32_t step_places = 0;
  [[nodiscard]] bool bounded() const noexcept { return least.present || most.present; }
  friend bool operator==(const NumberLanguage&, const NumberLanguage&) = default;
};

/// A place in a number of such a language.
struct NumberState {
  enum class Phase : std::uint8_t { kStart, kMinus, kZero, kWhole, kPoint, kFraction };
  enum class Order : std::uint8_t { kLess, kEqual, kGreater };  ///< the digits so far against those of a bound

  std::uint32_t language = 0;
  Phase phase = Phase::kStart;
  bool negative = false;
  bool nonzero = false;  ///< a digit other than 0 was read
  Order least = Order::kEqual;
  Order most = Order::kEqual;
  std::uint32_t digits = 0;  ///< of this phase
  std::uint64_t rest = 0;    ///< what was read, modulo the step
  friend bool operator==(const NumberState&, const NumberState&) = default;
};

/// Goes on behind a byte. false: no such number goes on so.
bool advance(const NumberLanguage& language, NumberState& state, unsigned byte);
/// Whether a number of the language may end here.
[[nodiscard]] bool complete(const NumberLanguage& language, const NumberState& state);
/// For a language without bounds: whether any number goes on from here.
[[nodiscard]] bool reachable(const NumberLanguage& language, const NumberState& state);

}  // namespace moxie::constraint
