// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <moxie/core/config.hpp>

// The one exponential of f32. It includes nothing of a library and its only function is a template: over a vector type
// of internal linkage it belongs to the file that uses it, so the files of an ISA path may include this.

namespace moxie::inline abi1::detail {

/// e to the x in every lane of V, within 1 ulp; 0 below -104, infinity above 88.73, NaN for NaN. V is a vector of
/// floats or a float alone, and every V gives the same bits: each step rounds once.
///
/// V has broadcast(), fma(), operator-, where_greater(x, limit, a, b), where_nan(x, a, b) and scale(x, n), which is
/// x 2^n for a whole n in two exact steps, and anything where the result is replaced.
///
/// Source   x = n ln 2 + r with |r| <= ln 2 / 2 (Cody and Waite's two-part ln 2), the Taylor sum of
///          degree 7 for e^r (its remainder is below 5e-9), then a scaling by 2^n.
// Inlined always: a caller may be compiled for more instructions than this file is, and so must be the steps.
template <class V>
[[gnu::always_inline]] inline V exp_of(const V& x) noexcept {
  const V round = V::broadcast(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  const V n = V::fma(x, V::broadcast(1.44269504f), round) - round;
  V r = V::fma(n, V::broadcast(-0.693145752f), x);
  r = V::fma(n, V::broadcast(-1.42860677e-6f), r);
  V p = V::broadcast(1.98412698e-4f);
  p = V::fma(p, r, V::broadcast(1.38888889e-3f));
  p = V::fma(p, r, V::broadcast(8.33333333e-3f));
  p = V::fma(p, r, V::broadcast(4.16666667e-2f));
  p = V::fma(p, r, V::broadcast(1.66666667e-1f));
  p = V::fma(p, r, V::broadcast(0.5f));
  p = V::fma(p, r, V::broadcast(1.0f));
  p = V::fma(p, r, V::broadcast(1.0f));
  V y = V::scale(p, n);
  y = V::where_greater(x, 88.8f, V::broadcast(__builtin_inff()), y);
  y = V::where_greater(x, -104.0f, y, V::broadcast(0.0f));
  return V::where_nan(x, x, y);
}

}  // namespace moxie::detail
