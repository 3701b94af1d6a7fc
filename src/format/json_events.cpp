// SPDX-License-Identifier: Apache-2.0
#include "format/json_events.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

// A failed assertion of the parser must not end the host's process; its input is checked here instead.
#define JSON_ASSERT(condition) static_cast<void>(0)
#include <nlohmann/json.hpp>

#include <moxie/core/text.hpp>

namespace moxie::inline abi1::format {
namespace {

// Looks once over the text before the parser does. The parser keeps the whole of a token, twice, and
// everything it reports about an error is made of that token: bounding tokens here bounds its memory.
class Scan {
 public:
  Scan(std::string_view text, const JsonLimits& limits, std::string_view where) noexcept
      : text_(text), limits_(limits), where_(where) {}

  Status run(JsonCensus& census) {
    census = {.values = 1};
    std::size_t token = 0;  // where the current string began, or the current run of anything else
    bool in_string = false;
    for (std::size_t i = 0; i < text_.size(); ++i) {
      const char c = text_[i];
      if (in_string) {
        if (i - token >= limits_.max_token_bytes) return too_long(token);
        if (c == '\\') {
          ++i;
        } else if (c == '"') {
          census.string_bytes += i - token - 1;
          in_string = false;
          token = i + 1;
        }
        continue;
      }
      switch (c) {
        case '\0': return Status(Code::kFormat, where_, "JSON", Text("a zero byte at byte ", i + 1));
        case '"':
          in_string = true;
          token = i;
          break;
        case '{':
        case '[':
        case ',':
        case ':':
          ++census.values;
          census.objects += c == '{' ? 1 : 0;
          [[fallthrough]];
        case '}':
        case ']': token = i + 1; break;
        default:
          if (i - token >= limits_.max_token_bytes) return too_long(token);
      }
    }
    return {};
  }

 private:
  [[nodiscard]] Status too_long(std::size_t token) const {
    return Status(Code::kFormat, where_,
                  Text("no string, number or space of more than ", limits_.max_token_bytes, " bytes"),
                  Text("a longer one at byte ", token + 1));
  }

  std::string_view text_;
  const JsonLimits& limits_;
  std::string_view where_;
};

// The parser's events, turned into ours. It stops at the first `false`.
class Adapter {
 public:
  Adapter(const JsonLimits& limits, std::string_view where, JsonEvents& events) noexcept
      : limits_(limits), where_(where), events_(events) {}

  Status take_status() noexcept { return std::move(status_); }

  bool null() { return scalar({.kind = JsonKind::kNull}); }
  bool boolean(bool value) { return scalar({.kind = JsonKind::kBool, .boolean = value}); }
  bool number_integer(std::int64_t value) {
    // "-0" arrives here too, as 0. It has a sign, which only a double holds.
    if (value >= 0) return scalar({.kind = JsonKind::kReal, .real = -0.0});
    return scalar({.kind = JsonKind::kNegative, .negative = value});
  }
  bool number_unsigned(std::uint64_t value) { return scalar({.kind = JsonKind::kUnsigned, .whole = value}); }
  bool number_float(double value, const std::string& written) {
    const bool whole = written.find_first_of(".eE") == std::string::npos;
    return scalar({.kind = JsonKind::kReal, .real = value, .text = whole ? written : std::string_view()});
  }
  bool string(std::string& value) { return scalar({.kind = JsonKind::kString, .text = value}); }
  bool binary(std::vector<std::uint8_t>&) {
    return proceed(Status(Code::kInternal, where_, "JSON", "a binary value"));  // JSON text has none
  }
  bool start_object(std::size_t) { return begin(JsonKind::kObject); }
  bool start_array(std::size_t) { return begin(JsonKind::kArray); }
  bool end_object() { return end(JsonKind::kObject); }
  bool end_array() { return end(JsonKind::kArray); }
  bool key(std::string& value) { return count() && proceed(events_.key(value)); }

  template <class Exception>
  bool parse_error(std::size_t position, const std::string& last_token, const Exception& error) {
    std::string shown = last_token.substr(0, 40);
    std::replace_if(
        shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
    // 406 is the parser's word for a number that no double holds.
    if (error.id == 406) {
      return proceed(Status(Code::kFormat, where_, "numbers that a double can hold", shown));
    }
    return proceed(Status(Code::kFormat, where_, "JSON", Text("a mistake at byte ", position, ", near '", shown, "'")));
  }

 private:
  bool proceed(Status status) noexcept {
    status_ = std::move(status);
    return status_.ok();
  }
  bool count() {
    if (++values_ <= limits_.max_values) return true;
    return proceed(Status(Code::kFormat, where_, Text("at most ", limits_.max_values, " values"), "more"));
  }
  bool scalar(const JsonScalar& scalar) { return count() && proceed(events_.scalar(scalar)); }
  bool begin(JsonKind kind) {
    if (++depth_ > limits_.max_depth) {
      return proceed(Status(Code::kFormat, where_, Text("JSON nested at most ", limits_.max_depth, " deep"), "deeper"));
    }
    return count() && proceed(events_.begin(kind));
  }
  bool end(JsonKind kind) {
    --depth_;
    return proceed(events_.end(kind));
  }

  const JsonLimits& limits_;
  std::string_view where_;
  JsonEvents& events_;
  Status status_;
  std::uint64_t depth_ = 0;
  std::uint64_t values_ = 0;
};

}  // namespace

Status parse_json(std::string_view text, const JsonLimits& limits, std::string_view where, JsonEvents& events) {
  if (text.empty()) return Status(Code::kFormat, where, "JSON", "nothing");
  if (text.size() > limits.max_bytes) {
    return Status(Code::kFormat, where, Text("at most ", limits.max_bytes, " bytes of JSON"), Text(text.size()));
  }
  // The parser would step over a byte order mark in silence; RFC 8259 says that there is none.
  if (text.starts_with("\xef\xbb\xbf")) return Status(Code::kFormat, where, "JSON", "a byte order mark");
  JsonCensus census;
  MOXIE_TRY(Scan(text, limits, where).run(census));
  census.values = std::min(census.values, limits.max_values);
  MOXIE_TRY(events.census(census));

  Adapter adapter(limits, where, events);
  const bool done = nlohmann::json::sax_parse(text.data(), text.data() + text.size(), &adapter);
  Status status = adapter.take_status();
  if (!done && status.ok()) return Status(Code::kFormat, where, "JSON", "something else");
  return status;
}

}  // namespace moxie::format
