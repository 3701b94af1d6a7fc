// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <moxie/core/element_type.hpp>
#include <moxie/core/status.hpp>
#include <moxie/core/text.hpp>

namespace moxie::model {

/// The float types that checkpoints have weights in.
constexpr bool is_float(ElementType type) noexcept {
  return type == ElementType::kF32 || type == ElementType::kBF16 || type == ElementType::kF16;
}

/// What a tensor of another type than `needed` is refused with.
inline Status unsupported_elements(std::string_view tensor, std::string_view needed, ElementType type) noexcept {
  return Status(Code::kUnsupported, tensor, Text("elements of ", needed), name(type));
}

}  // namespace moxie::model
