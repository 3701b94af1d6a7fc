// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <moxie/core/config.hpp>
#include <moxie/core/element_type.hpp>
#include <moxie/core/result.hpp>

namespace moxie::inline abi1 {

/// Which types a GGUF file stores its tensors in, as a whole; the numbers are those of general.file_type. All but the
/// float ones are mixes: some tensors deserve more bits than the name says.
enum class GgufFileType : std::uint8_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ8_0 = 7,
  kQ5_0 = 8,
  kQ5_1 = 9,
  kQ4_K_M = 15,
  kQ5_K_M = 17,
  kQ6_K = 18,
  kBF16 = 32,
  kMXFP4 = 38,  ///< of experts alone, the rest Q8_0: "MXFP4_MOE" of llama-quantize
};

/// All of them, by name: "f32", "f16", "bf16", "q8_0", "q4_k_m", ...
struct GgufFileTypeName {
  std::string_view name;
  GgufFileType type;
};
MOXIE_API std::span<const GgufFileTypeName> gguf_file_types() noexcept;
MOXIE_API std::string_view name(GgufFileType type) noexcept;
/// kInvalidArgument: another name; the message lists them all.
MOXIE_API Result<GgufFileType> parse_gguf_file_type(std::string_view name) noexcept;

/// The type of one tensor in a file of that type: as llama.cpp's quantizer chooses without an importance matrix. Norms,
/// biases and routers stay F32; where rows do not come in whole blocks, a type with smaller blocks is taken.
///
/// `tensor`: its name in GGUF. `innermost`, `rank`: its width and number of dimensions.
struct GgufTensorChoice {
  std::string_view tensor;
  std::size_t rank = 2;
  std::uint64_t innermost = 0;
  std::size_t n_layers = 0;
  std::size_t n_experts = 0;
  bool tied = false;  ///< whether the embedding is the head as well
};
MOXIE_API ElementType gguf_tensor_type(GgufFileType file, const GgufTensorChoice& choice) noexcept;

}  // namespace moxie
