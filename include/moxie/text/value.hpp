// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>

namespace moxie::inline abi1 {

/// Who wrote a byte. A control token may only be read from bytes of a template's author.
enum class Origin : std::uint8_t {
  kTemplate,  ///< the template's own text and literals, and variables that the loader vouches for
  kData,      ///< messages, tools, documents: whatever came from outside
};

namespace text {
struct Payload;
class Builder;
}  // namespace text

/// A value that a chat template works on: immutable, cheap to copy, in the form that JSON gives it.
///
///     MOXIE_TRY_LET(const Value name, Value::string("Ada"));
///     MOXIE_TRY_LET(const Value user, Value::map({{{"name", name}, {"age", Value(36)}}}));
///
/// Values carry their origin, strings for each byte; kData unless something else is said.
///
/// Errors   of the factories: kNoMemory; kBudget for values nested deeper than kMaxDepth.
/// Threads  a value; copies share what is immutable and may be used from any thread.
class MOXIE_API Value {
 public:
  enum class Kind : std::uint8_t { kUndefined, kNull, kBool, kInt, kReal, kString, kSequence, kMap, kObject };
  struct Member;

  static constexpr std::uint16_t kMaxDepth = 100;

  /// Not there: what a variable is that nobody set.
  Value() noexcept = default;
  static Value null(Origin origin = Origin::kData) noexcept;
  explicit Value(bool value, Origin origin = Origin::kData) noexcept;
  explicit Value(std::int64_t value, Origin origin = Origin::kData) noexcept;
  explicit Value(int value, Origin origin = Origin::kData) noexcept : Value(std::int64_t{value}, origin) {}
  explicit Value(double value, Origin origin = Origin::kData) noexcept;
  /// Bytes that are no UTF-8 count as one character each and are carried through as they are.
  static Result<Value> string(std::string_view text, Origin origin = Origin::kData) noexcept;
  static Result<Value> list(std::span<const Value> items, Origin origin = Origin::kData) noexcept;
  /// In the order given. A key that comes twice keeps its first place and its last value.
  static Result<Value> map(std::span<const Member> members, Origin origin = Origin::kData) noexcept;

  Value(const Value& other) noexcept;
  Value(Value&& other) noexcept : word_(other.word_), kind_(other.kind_), origin_(other.origin_) {
    other.kind_ = Kind::kUndefined;
  }
  Value& operator=(const Value& other) noexcept { return *this = Value(other); }
  Value& operator=(Value&& other) noexcept {
    std::swap(word_, other.word_);
    std::swap(kind_, other.kind_);
    std::swap(origin_, other.origin_);
    return *this;
  }
  ~Value() {
    if (has_payload()) release();
  }

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  [[nodiscard]] Origin origin() const noexcept { return origin_; }
  [[nodiscard]] bool is(Kind kind) const noexcept { return kind_ == kind; }
  /// Of a value of that kind; zero, false or empty of every other.
  [[nodiscard]] bool as_bool() const noexcept { return kind_ == Kind::kBool && word_.whole != 0; }
  [[nodiscard]] std::int64_t as_int() const noexcept { return kind_ == Kind::kInt ? word_.whole : 0; }
  [[nodiscard]] double as_real() const noexcept { return kind_ == Kind::kReal ? word_.real : 0; }
  [[nodiscard]] std::string_view as_string() const noexcept;

 private:
  friend struct text::Payload;

  Value(Kind kind, Origin origin, text::Payload* payload) noexcept : kind_(kind), origin_(origin) {
    word_.payload = payload;
  }
  [[nodiscard]] bool has_payload() const noexcept { return kind_ >= Kind::kString; }
  void release() noexcept;

  union Word {
    std::int64_t whole;
    double real;
    text::Payload* payload;
  };
  Word word_{.whole = 0};
  Kind kind_ = Kind::kUndefined;
  Origin origin_ = Origin::kTemplate;
};

struct Value::Member {
  std::string_view key;
  Value value;
};

}  // namespace moxie
