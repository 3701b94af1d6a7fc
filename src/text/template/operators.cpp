// SPDX-License-Identifier: Apache-2.0
#include "text/template/operators.hpp"

#include <cmath>
#include <limits>

#include "text/template/format.hpp"
#include "text/template/objects.hpp"

namespace moxie::inline abi1::text {

namespace {

Origin joined(const Value& a, const Value& b) noexcept { return join(a.origin(), b.origin()); }

[[noreturn]] void overflow() { fail(Code::kUnsupported, "whole numbers of 64 bits", "a result beyond them"); }

std::string_view sign_of(Operator op) noexcept {
  switch (op) {
    case Operator::kAdd: return "+";
    case Operator::kSubtract: return "-";
    case Operator::kMultiply: return "*";
    case Operator::kDivide: return "/";
    case Operator::kFloorDivide: return "//";
    case Operator::kModulo: return "%";
    case Operator::kPower: return "**";
    default: return "<";
  }
}

[[noreturn]] void mismatch(Operator op, const Value& a, const Value& b) {
  fail(Code::kFormat, Text("operands that '", sign_of(op), "' can join"), Text(describe(a), " and ", describe(b)));
}

std::int64_t whole_power(std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) overflow();
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) overflow();
  }
  return result;
}

Value whole_arithmetic(Operator op, std::int64_t a, std::int64_t b, Origin origin) {
  std::int64_t result = 0;
  bool fits = true;
  switch (op) {
    case Operator::kAdd: fits = !__builtin_add_overflow(a, b, &result); break;
    case Operator::kSubtract: fits = !__builtin_sub_overflow(a, b, &result); break;
    case Operator::kMultiply: fits = !__builtin_mul_overflow(a, b, &result); break;
    case Operator::kDivide:
      if (b == 0) fail(Code::kFormat, "a divisor", "0");
      if (std::int64_t{1} << 53 < std::abs(static_cast<double>(a)) ||
          std::int64_t{1} << 53 < std::abs(static_cast<double>(b))) {
        // Python rounds once; with operands rounded to doubles first it would be three times.
        return Value(static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b)), origin);
      }
      return Value(static_cast<double>(a) / static_cast<double>(b), origin);
    case Operator::kFloorDivide:
    case Operator::kModulo:
      if (b == 0) fail(Code::kFormat, "a divisor", "0");
      if (b == -1) {
        if (op == Operator::kModulo) return Value(std::int64_t{0}, origin);
        fits = !__builtin_sub_overflow(std::int64_t{0}, a, &result);
        break;
      }
      result = op == Operator::kFloorDivide ? floor_divide(a, b) : a - floor_divide(a, b) * b;
      break;
    case Operator::kPower:
      if (b < 0) {
        if (a == 0) fail(Code::kFormat, "a base other than 0 for a negative power", "0");
        return Value(std::pow(static_cast<double>(a), static_cast<double>(b)), origin);
      }
      result = whole_power(a, b);
      break;
    default: break;
  }
  if (!fits) overflow();
  return Value(result, origin);
}

Value real_arithmetic(Operator op, double a, double b, Origin origin) {
  switch (op) {
    case Operator::kAdd: return Value(a + b, origin);
    case Operator::kSubtract: return Value(a - b, origin);
    case Operator::kMultiply: return Value(a * b, origin);
    case Operator::kPower: {
      if (a == 0 && b < 0) fail(Code::kFormat, "a base other than 0 for a negative power", "0");
      if (a < 0 && std::isfinite(a) && std::isfinite(b) && b != std::floor(b)) {
        fail(Code::kUnsupported, "powers that are real numbers", "a root of a negative number");
      }
      const double result = std::pow(a, b);
      if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) {
        fail(Code::kFormat, "a power that a double can hold", "a greater one");
      }
      return Value(result, origin);
    }
    default: break;
  }
  if (b == 0) fail(Code::kFormat, "a divisor", "0");
  if (op == Operator::kDivide) return Value(a / b, origin);
  const double remainder = real_modulo(a, b);
  if (op == Operator::kModulo) return Value(remainder, origin);
  double quotient = (a - remainder) / b;
  if (quotient == 0) return Value(std::copysign(0.0, a / b), origin);
  const double below = std::floor(quotient);
  return Value(quotient - below > 0.5 ? below + 1.0 : below, origin);
}

Value repeat(Meter& meter, const Value& sequence, std::int64_t times) {
  const auto count = static_cast<std::uint64_t>(times > 0 ? times : 0);
  if (sequence.is(Kind::kString)) {
    Builder builder(meter);
    const std::size_t size = string_of(sequence).text.size();
    if (size != 0) {
      if (count > std::numeric_limits<std::uint32_t>::max())
        meter.check_text(std::numeric_limits<std::uint64_t>::max());
      meter.check_text(count * size);
      for (std::uint64_t i = 0; i < count; ++i) {
        meter.step();
        builder.add(sequence);
      }
    }
    return builder.done();
  }
  const SequenceData& data = sequence_of(sequence);
  MeteredVector<Value> items = new_items(meter);
  if (!data.items.empty()) {
    for (std::uint64_t i = 0; i < count; ++i) {
      meter.step(1 + data.items.size());
      items.insert(items.end(), data.items.begin(), data.items.end());
    }
  }
  return make_sequence(meter, data.shape, std::move(items));
}

bool repeatable(const Value& value) noexcept {
  if (value.is(Kind::kString)) return true;
  if (!value.is(Kind::kSequence)) return false;
  const Shape shape = sequence_of(value).shape;
  return shape == Shape::kList || shape == Shape::kTuple;
}

}  // namespace

std::int64_t floor_divide(std::int64_t a, std::int64_t b) noexcept {
  const std::int64_t quotient = a / b;
  return a % b != 0 && ((a < 0) != (b < 0)) ? quotient - 1 : quotient;
}

double real_modulo(double a, double b) noexcept {
  double remainder = std::fmod(a, b);
  if (remainder == 0) return std::copysign(0.0, b);
  if ((b < 0) != (remainder < 0)) remainder += b;
  return remainder;
}

Value arithmetic(Meter& meter, Operator op, const Value& a, const Value& b) {
  if (is_whole(a) && is_whole(b)) return whole_arithmetic(op, whole_of(a), whole_of(b), joined(a, b));
  if (is_number(a) && is_number(b)) return real_arithmetic(op, real_of(a), real_of(b), joined(a, b));
  if (is_long_number(a) || is_long_number(b)) overflow();
  refuse_markup(a), refuse_markup(b);
  if (op == Operator::kAdd && a.is(Kind::kString) && b.is(Kind::kString)) {
    Builder builder(meter);
    builder.add(a);
    builder.add(b);
    return builder.done();
  }
  if (op == Operator::kAdd && repeatable(a) && repeatable(b) && a.kind() == b.kind() &&
      sequence_of(a).shape == sequence_of(b).shape) {
    MeteredVector<Value> items = new_items(meter);
    const auto& left = sequence_of(a).items;
    const auto& right = sequence_of(b).items;
    meter.step(left.size() + right.size());
    items.reserve(left.size() + right.size());
    items.insert(items.end(), left.begin(), left.end());
    items.insert(items.end(), right.begin(), right.end());
    return make_sequence(meter, sequence_of(a).shape, std::move(items));
  }
  if (op == Operator::kMultiply && repeatable(a) && is_whole(b)) return repeat(meter, a, whole_of(b));
  if (op == Operator::kMultiply && is_whole(a) && repeatable(b)) return repeat(meter, b, whole_of(a));
  if (op == Operator::kModulo && a.is(Kind::kString)) return format_percent(meter, a, b);
  mismatch(op, a, b);
}

Value negative(Meter& /*meter*/, const Value& value) {
  if (value.is(Kind::kReal)) return Value(-value.as_real(), value.origin());
  if (!is_whole(value)) refuse("a number behind '-'", value);
  return whole_arithmetic(Operator::kSubtract, 0, whole_of(value), value.origin());
}

bool compare(Meter& meter, Operator op, const Value& a, const Value& b) {
  meter.step();
  switch (op) {
    case Operator::kEqual: return equal(meter, a, b);
    case Operator::kNotEqual: return !equal(meter, a, b);
    case Operator::kIn: return contains(meter, b, a);
    case Operator::kNotIn: return !contains(meter, b, a);
    default: break;
  }
  if (is_number(a) && is_number(b) && !(is_whole(a) && is_whole(b)) &&
      (std::isnan(real_of(a)) || std::isnan(real_of(b)))) {
    return false;
  }
  switch (op) {
    case Operator::kLess: return less(meter, a, b);
    case Operator::kLessEqual: return !less(meter, b, a);
    case Operator::kGreater: return less(meter, b, a);
    case Operator::kGreaterEqual: return !less(meter, a, b);
    default: return false;
  }
}

}  // namespace moxie::text
