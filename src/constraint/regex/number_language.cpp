// SPDX-License-Identifier: Apache-2.0
#include "constraint/regex/number_language.hpp"

#include <algorithm>
#include <string_view>

namespace moxie::inline abi1::constraint {
namespace {

using Phase = NumberState::Phase;
using Order = NumberState::Order;

Order order_of(unsigned digit, unsigned bound) noexcept {
  return digit < bound ? Order::kLess : digit > bound ? Order::kGreater : Order::kEqual;
}

unsigned digit_at(std::string_view digits, std::size_t at) noexcept {
  return at < digits.size() ? static_cast<unsigned>(digits[at] - '0') : 0;
}

/// The order of the magnitude so far against a bound's, behind one more digit of the whole part. While there are fewer
/// digits than the bound has, it is the order of the bound's first digits.
Order next_whole(Order order, const NumberBound& bound, std::uint32_t before, unsigned digit) noexcept {
  if (before >= bound.whole.size()) return digit != 0 || before > 0 ? Order::kGreater : Order::kEqual;
  return order != Order::kEqual ? order : order_of(digit, digit_at(bound.whole, before));
}

/// The whole part ends: with fewer digits than the bound's it is less.
Order end_whole(Order order, const NumberBound& bound, std::uint32_t digits, bool zero) noexcept {
  const std::size_t size = zero ? 0 : digits;
  if (size < bound.whole.size()) return Order::kLess;
  if (size > bound.whole.size()) return Order::kGreater;
  return size == 0 ? Order::kEqual : order;
}

/// At the end of the number: the fraction's remaining digits are zeros.
Order end_order(Order order, const NumberBound& bound, const NumberState& state) noexcept {
  if (state.phase == Phase::kZero || state.phase == Phase::kWhole) {
    order = end_whole(order, bound, state.digits, state.phase == Phase::kZero);
    if (order == Order::kEqual && !bound.fraction.empty()) return Order::kLess;
    return order;
  }
  if (order == Order::kEqual && state.digits < bound.fraction.size()) return Order::kLess;
  return order;
}

/// The number against the bound, from their magnitudes and signs.
int compare(Order magnitude, const NumberBound& bound, const NumberState& state) noexcept {
  const bool negative = state.negative && state.nonzero;
  const bool bound_zero = bound.whole.empty() && bound.fraction.empty();
  const bool bound_negative = bound.negative && !bound_zero;
  if (negative != bound_negative) return negative ? -1 : (state.nonzero || bound_negative) ? 1 : 0;
  const int order = magnitude == Order::kLess ? -1 : magnitude == Order::kGreater ? 1 : 0;
  return negative ? -order : order;
}

std::uint64_t scaled(std::uint64_t rest, std::uint32_t places, std::uint64_t step) noexcept {
  for (; places > 0; --places) rest = rest * 10 % step;
  return rest;
}

std::uint32_t most_whole_digits(const NumberLanguage& language) noexcept {
  // What remains must be enough for any multiple of a large step.
  return language.step > NumberLanguage::kMaxBoundedStep ? NumberLanguage::kMaxWholeDigits - 12
                                                         : NumberLanguage::kMaxWholeDigits;
}

}  // namespace

bool advance(const NumberLanguage& language, NumberState& state, unsigned byte) {
  if (byte == '-') {
    if (state.phase != Phase::kStart) return false;
    state.phase = Phase::kMinus;
    state.negative = true;
    return true;
  }
  if (byte == '.') {
    if (state.phase != Phase::kZero && state.phase != Phase::kWhole) return false;
    if (language.step != 0 && language.step_places == 0) return false;  // whole numbers are written as such
    const bool zero = state.phase == Phase::kZero;
    state.least = end_whole(state.least, language.least, state.digits, zero);
    state.most = end_whole(state.most, language.most, state.digits, zero);
    state.phase = Phase::kPoint;
    state.digits = 0;
    return true;
  }
  if (byte < '0' || byte > '9') return false;
  const unsigned digit = byte - '0';
  switch (state.phase) {
    case Phase::kZero: return false;
    case Phase::kStart:
    case Phase::kMinus:
    case Phase::kWhole:
      if (state.phase == Phase::kWhole && state.digits >= most_whole_digits(language)) return false;
      if (state.phase != Phase::kWhole) state.digits = 0;
      state.phase = digit == 0 && state.phase != Phase::kWhole ? Phase::kZero : Phase::kWhole;
      if (state.phase == Phase::kWhole) {
        state.least = next_whole(state.least, language.least, state.digits, digit);
        state.most = next_whole(state.most, language.most, state.digits, digit);
        ++state.digits;
      }
      if (language.step != 0) state.rest = (state.rest * 10 + digit) % language.step;
      break;
    case Phase::kPoint:
    case Phase::kFraction:
      if (state.digits >= NumberLanguage::kMaxFractionDigits) return false;
      state.phase = Phase::kFraction;
      if (state.least == Order::kEqual) state.least = order_of(digit, digit_at(language.least.fraction, state.digits));
      if (state.most == Order::kEqual) state.most = order_of(digit, digit_at(language.most.fraction, state.digits));
      if (language.step != 0) {
        if (state.digits >= language.step_places) {
          if (digit != 0) return false;
        } else {
          state.rest = (state.rest * 10 + digit) % language.step;
        }
      }
      ++state.digits;
      break;
  }
  state.nonzero = state.nonzero || digit != 0;
  return true;
}

bool complete(const NumberLanguage& language, const NumberState& state) {
  if (state.phase == Phase::kStart || state.phase == Phase::kMinus || state.phase == Phase::kPoint) return false;
  if (language.least.present) {
    const int order = compare(end_order(state.least, language.least, state), language.least, state);
    if (order < 0 || (order == 0 && language.least.open)) return false;
  }
  if (language.most.present) {
    const int order = compare(end_order(state.most, language.most, state), language.most, state);
    if (order > 0 || (order == 0 && language.most.open)) return false;
  }
  if (language.step == 0) return true;
  const std::uint32_t places = state.phase == Phase::kFraction ? std::min(state.digits, language.step_places) : 0;
  return scaled(state.rest, language.step_places - places, language.step) == 0;
}

bool reachable(const NumberLanguage& language, const NumberState& state) {
  if (language.step == 0 || state.phase < Phase::kZero) return true;
  if (state.phase == Phase::kWhole && state.digits < most_whole_digits(language)) return true;
  const std::uint32_t places = state.phase == Phase::kPoint || state.phase == Phase::kFraction
                                   ? std::min(state.digits, language.step_places)
                                   : 0;
  const std::uint32_t left = language.step_places - places;
  const std::uint64_t rest = scaled(state.rest, left, language.step);
  // Some number below 10^left makes a multiple of what is there.
  std::uint64_t room = 1;
  for (std::uint32_t i = 0; i < left && room <= language.step; ++i) room *= 10;
  return rest == 0 || language.step - rest < room;
}

}  // namespace moxie::constraint
