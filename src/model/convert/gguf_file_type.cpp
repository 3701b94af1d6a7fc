// SPDX-License-Identifier: Apache-2.0
#include <moxie/model/gguf_file_type.hpp>

#include <algorithm>
#include <charconv>

namespace moxie::inline abi1 {
namespace {

constexpr GgufFileTypeName kNames[] = {
    {"f32", GgufFileType::kF32},   {"f16", GgufFileType::kF16},   {"bf16", GgufFileType::kBF16},
    {"q8_0", GgufFileType::kQ8_0}, {"q6_k", GgufFileType::kQ6_K}, {"q5_k_m", GgufFileType::kQ5_K_M},
    {"q5_1", GgufFileType::kQ5_1}, {"q5_0", GgufFileType::kQ5_0}, {"q4_k_m", GgufFileType::kQ4_K_M},
    {"q4_1", GgufFileType::kQ4_1}, {"q4_0", GgufFileType::kQ4_0}, {"mxfp4", GgufFileType::kMXFP4},
};

ElementType base_type(GgufFileType file) noexcept {
  switch (file) {
    case GgufFileType::kF32: return ElementType::kF32;
    case GgufFileType::kF16: return ElementType::kF16;
    case GgufFileType::kBF16: return ElementType::kBF16;
    case GgufFileType::kQ4_0: return ElementType::kQ4_0;
    case GgufFileType::kQ4_1: return ElementType::kQ4_1;
    case GgufFileType::kQ8_0: return ElementType::kQ8_0;
    case GgufFileType::kQ5_0: return ElementType::kQ5_0;
    case GgufFileType::kQ5_1: return ElementType::kQ5_1;
    case GgufFileType::kQ4_K_M: return ElementType::kQ4_K;
    case GgufFileType::kQ5_K_M: return ElementType::kQ5_K;
    case GgufFileType::kQ6_K: return ElementType::kQ6_K;
    case GgufFileType::kMXFP4: return ElementType::kMXFP4;
  }
  return ElementType::kF32;
}

/// The first eighth of the layers, the last, and every third between them.
bool deserves_more_bits(std::size_t layer, std::size_t n_layers) noexcept {
  return layer < n_layers / 8 || layer >= 7 * n_layers / 8 || (layer - n_layers / 8) % 3 == 2;
}

/// The N of "blk.N.rest", and the rest; of other names 0 and all.
struct LayerName {
  std::size_t layer = 0;
  std::string_view part;
};
LayerName split_name(std::string_view tensor) noexcept {
  constexpr std::string_view kBlock = "blk.";
  LayerName name{.layer = 0, .part = tensor};
  if (!tensor.starts_with(kBlock)) return name;
  const char* const end = tensor.data() + tensor.size();
  const auto number = std::from_chars(tensor.data() + kBlock.size(), end, name.layer);
  if (number.ec == std::errc() && number.ptr != end && *number.ptr == '.') {
    name.part = std::string_view(number.ptr + 1, static_cast<std::size_t>(end - number.ptr - 1));
  }
  return name;
}

/// What a type gives way to where rows do not come in its blocks.
ElementType with_smaller_blocks(ElementType type, std::uint64_t innermost) noexcept {
  if (innermost % traits(type).block_elements == 0) return type;
  ElementType other = ElementType::kF16;
  if (type == ElementType::kQ4_K) other = ElementType::kQ5_0;
  if (type == ElementType::kQ5_K) other = ElementType::kQ5_1;
  if (type == ElementType::kQ6_K) other = ElementType::kQ8_0;
  return innermost % traits(other).block_elements == 0 ? other : ElementType::kF16;
}

ElementType mixed_type(GgufFileType file, const GgufTensorChoice& choice) noexcept {
  const ElementType base = base_type(file);
  if (base == ElementType::kMXFP4) return choice.rank == 3 ? base : ElementType::kQ8_0;
  const bool many_bits = base == ElementType::kQ8_0;
  if (choice.tensor == "output.weight" || (choice.tied && choice.tensor == "token_embd.weight")) {
    return many_bits || choice.innermost % 256 != 0 ? ElementType::kQ8_0 : ElementType::kQ6_K;
  }
  const auto [layer, part] = split_name(choice.tensor);
  const bool k_mix = file == GgufFileType::kQ4_K_M || file == GgufFileType::kQ5_K_M;
  const bool more = k_mix && deserves_more_bits(layer, choice.n_layers);
  if (part.starts_with("ffn_down")) return more ? ElementType::kQ6_K : base;
  // Of eight experts, attention is so small a part that its bits cost nothing.
  const bool few_experts = choice.n_experts == 8;
  if (part == "attn_v.weight") return few_experts ? ElementType::kQ8_0 : more ? ElementType::kQ6_K : base;
  if (part == "attn_k.weight" && few_experts) return ElementType::kQ8_0;
  if (part == "attn_output.weight" && few_experts && file == GgufFileType::kQ4_K_M) return ElementType::kQ5_K;
  return base;
}

}  // namespace

std::span<const GgufFileTypeName> gguf_file_types() noexcept { return kNames; }

std::string_view name(GgufFileType type) noexcept {
  const auto found = std::find_if(std::begin(kNames), std::end(kNames), [&](auto& n) { return n.type == type; });
  return found == std::end(kNames) ? std::string_view("unknown") : found->name;
}

Result<GgufFileType> parse_gguf_file_type(std::string_view name) noexcept {
  const auto found = std::find_if(std::begin(kNames), std::end(kNames), [&](auto& n) { return n.name == name; });
  if (found != std::end(kNames)) return found->type;
  return Status(Code::kInvalidArgument, "GGUF file type",
                "f32, f16, bf16, q8_0, q6_k, q5_k_m, q5_1, q5_0, q4_k_m, q4_1, q4_0 or mxfp4", name);
}

ElementType gguf_tensor_type(GgufFileType file, const GgufTensorChoice& choice) noexcept {
  const ElementType base = base_type(file);
  if (choice.rank < 2 || choice.tensor.ends_with("ffn_gate_inp.weight") || choice.tensor.ends_with("_norm.weight") ||
      choice.tensor.ends_with(".bias")) {
    return ElementType::kF32;
  }
  if (!is_quantized(base)) return base;
  return with_smaller_blocks(mixed_type(file, choice), choice.innermost);
}

}  // namespace moxie
