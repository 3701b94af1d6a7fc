// SPDX-License-Identifier: Apache-2.0
#include "format/gguf_types.hpp"

#include <algorithm>
#include <iterator>

namespace moxie::inline abi1::format {
namespace {

struct TypeNumber {
  std::uint32_t number;
  ElementType type;
};

// Source   enum ggml_type, docs/gguf.md of github.com/ggml-org/ggml
constexpr TypeNumber kTypes[] = {
    {0, ElementType::kF32},     {1, ElementType::kF16},     {2, ElementType::kQ4_0},  {3, ElementType::kQ4_1},
    {6, ElementType::kQ5_0},    {7, ElementType::kQ5_1},    {8, ElementType::kQ8_0},  {10, ElementType::kQ2_K},
    {11, ElementType::kQ3_K},   {12, ElementType::kQ4_K},   {13, ElementType::kQ5_K}, {14, ElementType::kQ6_K},
    {20, ElementType::kIQ4_NL}, {23, ElementType::kIQ4_XS}, {24, ElementType::kI8},   {25, ElementType::kI16},
    {26, ElementType::kI32},    {27, ElementType::kI64},    {28, ElementType::kF64},  {30, ElementType::kBF16},
    {39, ElementType::kMXFP4},
};

struct OtherType {
  std::uint32_t number;
  std::string_view name;
};
// For the words of an error: types that files have and moxie does not.
constexpr OtherType kOtherTypes[] = {{9, "Q8_1"},     {15, "Q8_K"},  {16, "IQ2_XXS"}, {17, "IQ2_XS"},
                                     {18, "IQ3_XXS"}, {19, "IQ1_S"}, {21, "IQ3_S"},   {22, "IQ2_S"},
                                     {29, "IQ1_M"},   {34, "TQ1_0"}, {35, "TQ2_0"},   {40, "NVFP4"}};

}  // namespace

std::optional<ElementType> element_type_of_gguf(std::uint32_t number) noexcept {
  const auto found = std::find_if(std::begin(kTypes), std::end(kTypes), [&](auto& t) { return t.number == number; });
  if (found == std::end(kTypes)) return std::nullopt;
  return found->type;
}

std::optional<std::uint32_t> gguf_type(ElementType type) noexcept {
  const auto found = std::find_if(std::begin(kTypes), std::end(kTypes), [&](auto& t) { return t.type == type; });
  if (found == std::end(kTypes)) return std::nullopt;
  return found->number;
}

std::string_view other_gguf_type(std::uint32_t number) noexcept {
  const auto found =
      std::find_if(std::begin(kOtherTypes), std::end(kOtherTypes), [&](auto& t) { return t.number == number; });
  return found == std::end(kOtherTypes) ? std::string_view("an unknown one") : found->name;
}

}  // namespace moxie::format
