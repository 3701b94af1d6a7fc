// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/checked.hpp>
#include <moxie/core/text.hpp>
#include <moxie/format/gguf_writer.hpp>

namespace moxie::inline abi1::model {

/// What a conversion refuses: something that a file could not say.
inline Status cannot_say(std::string_view needed, std::string_view came) {
  return Status(Code::kUnsupported, "convert", needed, came);
}

/// Writes values under keys of an architecture.
class GgufKeyWriter {
 public:
  GgufKeyWriter(GgufWriter& writer, std::string_view architecture)
      : writer_(writer), prefix_(std::string(architecture) + '.') {}

  Status size(std::string_view key, std::uint64_t value) {
    const auto narrow = checked::narrow<std::uint32_t>(value);
    if (!narrow) return cannot_say(Text(prefix_, key, " below 2^32"), Text(value));
    return writer_.set_u32(prefix_ + std::string(key), *narrow);
  }
  Status number(std::string_view key, double value) {
    return writer_.set_f32(prefix_ + std::string(key), static_cast<float>(value));
  }
  Status text(std::string_view key, std::string_view value) {
    return writer_.set_string(prefix_ + std::string(key), value);
  }
  /// One for each layer; one for all where they are equal.
  Status sizes(std::string_view key, std::span<const std::size_t> values) {
    if (std::ranges::adjacent_find(values, std::not_equal_to()) == values.end()) return size(key, values[0]);
    std::vector<std::int32_t> list;
    for (const std::size_t value : values) list.push_back(static_cast<std::int32_t>(value));
    return writer_.set_i32s(prefix_ + std::string(key), list);
  }
  Status flags(std::string_view key, const std::vector<bool>& values) {
    return writer_.set_bools(prefix_ + std::string(key), values);
  }
  Status flag(std::string_view key, bool value) { return writer_.set_bool(prefix_ + std::string(key), value); }

 private:
  GgufWriter& writer_;
  std::string prefix_;
};

}  // namespace moxie::model
