// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace moxie::test {

/// How an input of fuzz_checkpoint becomes a folder. The first byte says which; the fuzzer need not find out
/// by itself that a length in front must fit the text behind it.
enum class FuzzKind : std::uint8_t {
  kFile,      ///< the rest is model.safetensors
  kHeader,    ///< 2 bytes: how much data; the rest is the header in front of it
  kIndex,     ///< the rest is the index of two good shards, a.safetensors and b.safetensors
  kSharded,   ///< 2 bytes: how long the index is; index; header of a.safetensors, which has no data
  kConfig,    ///< the rest is config.json beside a good file
  kGguf,      ///< the rest is a .gguf file
  kGgufBody,  ///< 2 bytes: how much data; the rest is a header without magic and version, in front of it
  kSplit,     ///< the rest is the first file of a split of two; the second is good
  kSplitEnd,  ///< the rest is the second file; the first is good
};
inline constexpr std::uint8_t kFuzzKinds = 9;

inline std::string fuzz_input(FuzzKind kind, std::string_view rest) {
  std::string input(1, static_cast<char>(kind));
  return input.append(rest);
}
inline std::string fuzz_input(FuzzKind kind, std::size_t number, std::string_view rest) {
  std::string input(1, static_cast<char>(kind));
  input += static_cast<char>(number & 0xff);
  input += static_cast<char>(number >> 8 & 0xff);
  return input.append(rest);
}

}  // namespace moxie::test
