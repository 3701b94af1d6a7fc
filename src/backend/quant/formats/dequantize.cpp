// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include <moxie/backend/quant.hpp>
#include <moxie/core/text.hpp>

#include "formats.hpp"

namespace moxie::inline abi1 {

namespace backend::quant {
namespace {

template <class F>
void widen_block(const std::uint8_t* block, float* out) noexcept {
  typename F::Codes codes;
  F::unpack(block, codes);
  const float d = F::scale_of(codes.d);
  const float m = widen_f16(codes.m);
  for (std::size_t g = 0; g < F::kGroups; ++g, out += F::kGroupWidth) {
    const std::int8_t* q = codes.q.data() + g * F::kGroupWidth;
    [[maybe_unused]] const float scale = d * static_cast<float>(codes.s[g]);
    [[maybe_unused]] const float offset = m * static_cast<float>(codes.n[g]);
    for (std::size_t j = 0; j < F::kGroupWidth; ++j) {
      const auto code = static_cast<float>(q[j]);
      if constexpr (F::kForm == Form::kScale) out[j] = d * code;
      if constexpr (F::kForm == Form::kScaleAdd) out[j] = d * code + m;
      if constexpr (F::kForm == Form::kGroupScale) out[j] = scale * code;
      if constexpr (F::kForm == Form::kGroupScaleSub) out[j] = scale * code - offset;
    }
  }
}

}  // namespace
}  // namespace backend::quant

Status dequantize(ElementType type, std::span<const std::byte> blocks, std::span<float> out) noexcept {
  using namespace backend::quant;
  constexpr std::string_view kWhere = "dequantize";
  if (!is_supported(type)) return {Code::kUnsupported, kWhere, kSupportedTypes, name(type)};
  const ElementTraits& block = traits(type);
  if (blocks.size() % block.block_bytes != 0) {
    return {Code::kShape, kWhere, Text("whole blocks of ", block.name, ", ", block.block_bytes, " bytes each"),
            Text(blocks.size(), " bytes")};
  }
  const std::size_t count = blocks.size() / block.block_bytes;
  if (out.size() % block.block_elements != 0 || out.size() / block.block_elements != count) {
    return {Code::kShape, kWhere,
            Text("room for ", count, " blocks of ", block.name, ", ", block.block_elements, " elements each"),
            Text("room for ", out.size(), " elements")};
  }
  if (count == 0) return {};

  const auto* from = reinterpret_cast<const std::uint8_t*>(blocks.data());
  float* to = out.data();
  if (type == ElementType::kF32) {
    std::memcpy(to, from, blocks.size());
  } else if (type == ElementType::kF16) {
    for (std::size_t i = 0; i < count; ++i) to[i] = widen_f16(load_u16(from + 2 * i));
  } else if (type == ElementType::kBF16) {
    for (std::size_t i = 0; i < count; ++i) to[i] = widen_bf16(load_u16(from + 2 * i));
  } else {
    visit_format(type, [&]<class F>(F) {
      for (std::size_t i = 0; i < count; ++i) widen_block<F>(from + i * F::kBytes, to + i * F::kElements);
    });
  }
  return {};
}

}  // namespace moxie
