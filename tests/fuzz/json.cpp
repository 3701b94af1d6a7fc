// SPDX-License-Identifier: Apache-2.0
// Any bytes as JSON: a typed error, or a tree that can be walked, and that is the same when written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "format/json.hpp"
#include "support/safetensors_writer.hpp"

using namespace moxie;
using namespace moxie::format;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void write(JsonValue value, std::string& out) {
  const bool object = value.is_object();
  if (object || value.is_array()) {
    std::size_t count = 0;
    out += object ? '{' : '[';
    for (const JsonValue::Member& member : value) {
      if (count++ != 0) out += ',';
      if (object) out.append(test::json_quoted(member.key)).append(":");
      write(member.value, out);
    }
    require(count == value.size());
    out += object ? '}' : ']';
  } else if (const auto text = value.as_string()) {
    out += test::json_quoted(*text);
  } else {
    out += value.describe().view();
  }
}

bool same(JsonValue a, JsonValue b) {
  // A real that is whole is written without its point, and read as a whole number.
  if (a.as_double() || b.as_double()) return a.as_double() == b.as_double();
  if (a.kind() != b.kind() || a.size() != b.size()) return false;
  if (a.as_bool() != b.as_bool() || a.as_string() != b.as_string()) return false;
  JsonValue::Iterator other = b.begin();
  for (const JsonValue::Member& member : a) {
    const JsonValue::Member twin = *other++;
    if (member.key != twin.key || !same(member.value, twin.value)) return false;
    if (a.is_object()) require(same(a.find(member.key), member.value));
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  JsonLimits limits;
  limits.max_depth = 16;  // `same` looks everything up again at each depth
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<JsonDocument> document = JsonDocument::parse(text, limits, "file");
  if (!document.ok()) {
    require(document.status().code() == Code::kFormat);
    return 0;
  }
  std::string again;
  write(document->root(), again);
  const Result<JsonDocument> twin = JsonDocument::parse(again, limits, "again");
  require(twin.ok());
  require(same(document->root(), twin->root()));
  return 0;
}
