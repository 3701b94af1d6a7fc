// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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
  Status flag(std::string_view key, bool value) { return writer_.set_bool(prefix_ + std::string(key), value); }

 private:
  GgufWriter& writer_;
  std::string prefix_;
};

}  // namespace moxie::model
