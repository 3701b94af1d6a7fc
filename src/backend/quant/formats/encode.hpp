// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "formats.hpp"

namespace moxie::inline abi1::backend::quant {

/// Chooses scales and codes for the values of one block, all within the format's kLargestValue. Where codes.d or
/// codes.m comes back infinite, the values are too large for the format and the codes mean nothing.
/// Source   docs/quantized-types.md, "How values are quantized"
void encode(Q4_0, const float* values, Q4_0::Codes& codes) noexcept;
void encode(Q4_1, const float* values, Q4_1::Codes& codes) noexcept;
void encode(Q5_0, const float* values, Q5_0::Codes& codes) noexcept;
void encode(Q5_1, const float* values, Q5_1::Codes& codes) noexcept;
void encode(Q8_0, const float* values, Q8_0::Codes& codes) noexcept;
void encode(Q2_K, const float* values, Q2_K::Codes& codes) noexcept;
void encode(Q3_K, const float* values, Q3_K::Codes& codes) noexcept;
void encode(Q4_K, const float* values, Q4_K::Codes& codes) noexcept;
void encode(Q5_K, const float* values, Q5_K::Codes& codes) noexcept;
void encode(Q6_K, const float* values, Q6_K::Codes& codes) noexcept;
void encode(IQ4_NL, const float* values, IQ4_NL::Codes& codes) noexcept;
void encode(IQ4_XS, const float* values, IQ4_XS::Codes& codes) noexcept;
void encode(MXFP4, const float* values, MXFP4::Codes& codes) noexcept;

}  // namespace moxie::backend::quant
