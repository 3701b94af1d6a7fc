// SPDX-License-Identifier: Apache-2.0
#pragma once

// Checkpoints of tests/data as `moxie convert` writes them.

#include <stdexcept>
#include <string>
#include <string_view>

#include <moxie/model/convert.hpp>

#include "checkpoints.hpp"
#include "gguf_parts.hpp"
#include "support/catch.hpp"

namespace moxie::test {

inline Status convert(const std::string& name, const std::filesystem::path& to,
                      GgufFileType type = GgufFileType::kF32) {
  return convert_to_gguf(data_folder(name), to, {.type = type, .executor = nullptr, .callbacks = {}});
}

/// A converted file with keys and tensors changed by hand.
struct Converted {
  explicit Converted(const std::string& name) {
    const TemporaryFolder folder;
    if (!convert(name, folder / "m.gguf").ok()) throw std::runtime_error("cannot convert " + name);
    const Checkpoint checkpoint = Checkpoint::open(folder / "m.gguf").value();
    const auto entries = checkpoint.metadata().entries();
    for (const MetadataEntry& entry : entries) {
      const std::string key(entry.key);
      if (const auto flag = entry.value.as_bool()) {
        parts.set(key, gguf_key(key, GgufValue::kBool, raw(static_cast<std::uint8_t>(*flag ? 1 : 0))));
      } else if (const auto text = entry.value.as_string()) {
        parts.set(key, gguf_string(key, *text));
      } else if (const auto whole = entry.value.as_u64()) {
        parts.set(key, gguf_u32(key, static_cast<std::uint32_t>(*whole)));
      } else {
        parts.set(key, gguf_f32(key, static_cast<float>(entry.value.as_double().value())));
      }
    }
    for (const Tensor& tensor : checkpoint.tensors()) {
      parts.tensors.push_back({.name = std::string(tensor.name),
                               .type = tensor.type,
                               .dims = {tensor.dims.begin(), tensor.dims.end()},
                               .bytes = {tensor.bytes.begin(), tensor.bytes.end()}});
    }
  }
  GgufParts parts{.keys = {}, .tensors = {}};
};

inline void refused(const Converted& made, Code code, std::string_view culprit) {
  const Status status = load(made.parts).status();
  INFO(culprit << ": " << status.message());
  CHECK(name(status.code()) == name(code));
  CHECK(status.message().find(culprit) != std::string_view::npos);
}

}  // namespace moxie::test
