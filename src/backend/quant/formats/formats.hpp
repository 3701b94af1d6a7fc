// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <utility>

#include "flat_formats.hpp"
#include "iq4_formats.hpp"
#include "k_formats.hpp"
#include "mxfp4_format.hpp"

namespace moxie::inline abi1::backend::quant {

/// Calls visitor(F()) for the format F of a block-quantized type; false, without a call, for other types.
template <class Visitor>
constexpr bool visit_format(ElementType type, Visitor&& visitor) {
  switch (type) {
    case ElementType::kQ4_0: visitor(Q4_0()); return true;
    case ElementType::kQ4_1: visitor(Q4_1()); return true;
    case ElementType::kQ5_0: visitor(Q5_0()); return true;
    case ElementType::kQ5_1: visitor(Q5_1()); return true;
    case ElementType::kQ8_0: visitor(Q8_0()); return true;
    case ElementType::kQ2_K: visitor(Q2_K()); return true;
    case ElementType::kQ3_K: visitor(Q3_K()); return true;
    case ElementType::kQ4_K: visitor(Q4_K()); return true;
    case ElementType::kQ5_K: visitor(Q5_K()); return true;
    case ElementType::kQ6_K: visitor(Q6_K()); return true;
    case ElementType::kIQ4_NL: visitor(IQ4_NL()); return true;
    case ElementType::kIQ4_XS: visitor(IQ4_XS()); return true;
    case ElementType::kMXFP4: visitor(MXFP4()); return true;
    default: return false;
  }
}

/// What a call that takes all these types says it needs.
inline constexpr std::string_view kSupportedTypes =
    "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS or MXFP4";

constexpr bool is_supported(ElementType type) noexcept {
  return type == ElementType::kF32 || type == ElementType::kF16 || type == ElementType::kBF16 || is_quantized(type);
}

}  // namespace moxie::backend::quant
