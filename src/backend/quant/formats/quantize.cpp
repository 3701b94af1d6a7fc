// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cstring>
#include <limits>

#include <moxie/backend/quant.hpp>
#include <moxie/core/text.hpp>

#include "encode.hpp"

namespace moxie::inline abi1 {

namespace backend::quant {
namespace {

constexpr std::string_view kWhere = "quantize";

/// Whether encode() takes all values of a block. Compared as integers, where NaN is above infinity.
template <class F>
bool within_limits(const float* values) noexcept {
  constexpr auto kLimit = std::bit_cast<std::uint32_t>(F::kLargestValue);
  std::uint32_t over = 0;
  for (std::size_t j = 0; j < F::kElements; ++j) {
    over |= kLimit - (std::bit_cast<std::uint32_t>(values[j]) & 0x7fffffffu);  // the top bit where it is larger
  }
  return over >> 31 == 0;
}

/// Says which value of a block that cannot be quantized is to blame.
template <class F>
Status refusal(const float* values, std::size_t first) noexcept {
  std::size_t worst = 0;
  for (std::size_t j = 0; j < F::kElements; ++j) {
    const auto size = [&](std::size_t k) { return std::bit_cast<std::uint32_t>(values[k]) & 0x7fffffffu; };
    if (size(j) > size(worst)) worst = j;
  }
  constexpr bool kAll = F::kLargestValue == std::numeric_limits<float>::max();
  return {Code::kInvalidArgument, kWhere,
          Text("finite values", kAll ? " for " : " that the f16 scale of ", name(F::kType), kAll ? "" : " can reach"),
          Text(values[worst], " at element ", first + worst)};
}

template <class F>
Status quantize_blocks(const float* values, std::size_t count, std::uint8_t* blocks) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    const float* from = values + i * F::kElements;
    typename F::Codes codes;
    const bool fits =
        within_limits<F>(from) && (encode(F(), from, codes), is_finite_f16(codes.d) && is_finite_f16(codes.m));
    if (!fits) return refusal<F>(from, i * F::kElements);
    F::pack(codes, blocks + i * F::kBytes);
  }
  return {};
}

}  // namespace
}  // namespace backend::quant

Status quantize(ElementType type, std::span<const float> values, std::span<std::byte> blocks) noexcept {
  using namespace backend::quant;
  if (!is_supported(type)) return {Code::kUnsupported, kWhere, kSupportedTypes, name(type)};
  const ElementTraits& block = traits(type);
  if (values.size() % block.block_elements != 0) {
    return {Code::kShape, kWhere, Text("whole blocks of ", block.name, ", ", block.block_elements, " elements each"),
            Text(values.size(), " elements")};
  }
  const std::size_t count = values.size() / block.block_elements;
  if (blocks.size() % block.block_bytes != 0 || blocks.size() / block.block_bytes != count) {
    return {Code::kShape, kWhere,
            Text("room for ", count, " blocks of ", block.name, ", ", block.block_bytes, " bytes each"),
            Text("room for ", blocks.size(), " bytes")};
  }
  if (count == 0) return {};

  const float* from = values.data();
  auto* to = reinterpret_cast<std::uint8_t*>(blocks.data());
  Status status;
  if (type == ElementType::kF32) {
    std::memcpy(to, from, blocks.size());
  } else if (type == ElementType::kF16) {
    for (std::size_t i = 0; i < count; ++i) store_u16(narrow_f16(from[i]), to + 2 * i);
  } else if (type == ElementType::kBF16) {
    for (std::size_t i = 0; i < count; ++i) store_u16(narrow_bf16(from[i]), to + 2 * i);
  } else {
    visit_format(type, [&]<class F>(F) { status = quantize_blocks<F>(from, count, to); });
  }
  return status;
}

}  // namespace moxie
