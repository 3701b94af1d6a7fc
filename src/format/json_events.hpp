// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include <moxie/core/status.hpp>
#include <moxie/format/json_value.hpp>

namespace moxie::inline abi1::format {

/// A value that is neither an array nor an object. Only the member that `kind` names means something.
struct JsonScalar {
  JsonKind kind = JsonKind::kNull;
  bool boolean = false;
  std::uint64_t whole = 0;    ///< kUnsigned
  std::int64_t negative = 0;  ///< kNegative: below zero
  double real = 0;            ///< kReal: finite
  /// kString: unescaped UTF-8. kReal: the digits of a whole number beyond 64 bits. Valid during the call.
  std::string_view text{};
};

/// What a document may cost. With them, reading takes less than 4 times the input plus 16 MiB.
struct JsonLimits {
  std::uint64_t max_bytes = 1U << 20;
  std::uint64_t max_depth = 64;
  std::uint64_t max_values = 1U << 18;         ///< values and keys together
  std::uint64_t max_token_bytes = 64U * 1024;  ///< of a string, a number or the space between two of them, as written
};

/// Counts made before parsing, so that a reader can reserve memory once. Each is an upper bound.
struct JsonCensus {
  std::uint64_t values = 0;        ///< values and keys together
  std::uint64_t objects = 0;       ///< values that are objects
  std::uint64_t string_bytes = 0;  ///< of all strings and keys together
};

/// What a reader of JSON does with each event. Any error ends the parse and is its result.
class JsonEvents {
 public:
  virtual Status census(const JsonCensus& /*census*/) { return {}; }
  virtual Status scalar(const JsonScalar& scalar) = 0;
  virtual Status key(std::string_view key) = 0;
  virtual Status begin(JsonKind kind) = 0;  ///< kArray or kObject
  virtual Status end(JsonKind kind) = 0;

 protected:
  ~JsonEvents() = default;
};

/// Parses all of `text` as one JSON value, as RFC 8259 defines it: UTF-8, no byte order mark, no comments, nothing
/// behind it. `where` names the file in errors. Does not recurse, so depth costs no stack.
///
/// Errors   kFormat: not JSON, or beyond `limits`.  Those of `events`.
///          Lets std::bad_alloc through, and nothing else.
Status parse_json(std::string_view text, const JsonLimits& limits, std::string_view where, JsonEvents& events);

}  // namespace moxie::format
