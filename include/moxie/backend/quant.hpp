// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include <moxie/core/element_type.hpp>
#include <moxie/core/status.hpp>

namespace moxie::inline abi1 {

/// Widens elements of a quantized or float type to f32, exactly as the format defines: the same bits
/// on every machine, but for the sign and payload of a NaN.
///
/// Shapes   blocks: a whole number of blocks of `type`, at any alignment; out: their elements; no overlap.
/// Errors   kUnsupported: no F32, F16, BF16 or quantized type.  kShape: out is not what the blocks hold.
///          Any bytes are valid blocks: a scale that is NaN or infinite gives elements that are.
/// Threads  many at once, each with its own out; the caller cuts large tensors at block boundaries.
/// Source   docs/quantized-types.md
MOXIE_API Status dequantize(ElementType type, std::span<const std::byte> blocks, std::span<float> out) noexcept;

/// Quantizes f32, as llama.cpp does without an importance matrix: the same values and the same type give
/// the same bytes on every machine and however a tensor is cut. F16 and BF16 are rounded to nearest even.
///
/// Shapes   values: a whole number of blocks of `type`; blocks: their bytes, at any alignment; no overlap.
/// Errors   kUnsupported: no F32, F16, BF16 or quantized type.  kShape: values is no whole number of
///          blocks, or `blocks` is not their size.  kInvalidArgument: for a quantized type, a value that
///          is no finite number or is too large for the type's f16 scale. After an error blocks is unspecified.
/// Threads  many at once, each with its own blocks.
/// Source   docs/quantized-types.md
MOXIE_API Status quantize(ElementType type, std::span<const float> values, std::span<std::byte> blocks) noexcept;

}  // namespace moxie
