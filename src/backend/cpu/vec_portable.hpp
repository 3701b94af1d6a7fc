// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include <moxie/core/element_type.hpp>

namespace {

/// Sixteen floats in plain C++: what the other paths must equal bit for bit, and what runs where
/// neither AVX2 nor AVX-512 is there.
struct Vec {
  float v[16];

  static constexpr std::size_t kRows = 2;
  static constexpr std::size_t vectors_for(std::size_t) { return 1; }
  static constexpr std::size_t kAttendVectors = 1;

  template <class F>
  static Vec each(F f) {
    Vec r;
    for (std::size_t i = 0; i < 16; ++i) r.v[i] = f(i);
    return r;
  }

  static Vec zero() { return broadcast(0.0f); }
  static Vec broadcast(float x) {
    return each([x](std::size_t) { return x; });
  }
  static Vec load(const float* p) {
    return each([p](std::size_t i) { return p[i]; });
  }
  static Vec load_first(const float* p, std::size_t n) {
    return each([p, n](std::size_t i) { return i < n ? p[i] : 0.0f; });
  }
  static Vec load_bf16(const std::uint16_t* p) {
    return each([p](std::size_t i) { return moxie::widen_bf16(p[i]); });
  }
  static Vec load_f16(const std::uint16_t* p) {
    return each([p](std::size_t i) { return moxie::widen_f16(p[i]); });
  }
  static Vec load_i8(const std::int8_t* p) {
    return each([p](std::size_t i) { return static_cast<float>(p[i]); });
  }
  void store(float* p) const { store_first(p, 16); }
  void store_first(float* p, std::size_t n) const {
    for (std::size_t i = 0; i < 16 && i < n; ++i) p[i] = v[i];
  }

  friend Vec operator+(const Vec& a, const Vec& b) {
    return each([&](std::size_t i) { return a.v[i] + b.v[i]; });
  }
  friend Vec operator-(const Vec& a, const Vec& b) {
    return each([&](std::size_t i) { return a.v[i] - b.v[i]; });
  }
  friend Vec operator*(const Vec& a, const Vec& b) {
    return each([&](std::size_t i) { return a.v[i] * b.v[i]; });
  }
  static Vec fma(const Vec& a, const Vec& b, const Vec& c) {
    return each([&](std::size_t i) { return std::fma(a.v[i], b.v[i], c.v[i]); });
  }
  static Vec max(const Vec& a, const Vec& b) {
    return each([&](std::size_t i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
  }
  Vec magnitude() const {
    return each([this](std::size_t i) { return std::fabs(v[i]); });
  }
  /// Whether no lane is NaN or infinite.
  bool is_finite() const {
    bool finite = true;
    for (const float lane : v) finite = finite && std::isfinite(lane);
    return finite;
  }
  /// Lanes [0, n) of a, the others of b.
  static Vec first_of(std::size_t n, const Vec& a, const Vec& b) {
    return each([&](std::size_t i) { return i < n ? a.v[i] : b.v[i]; });
  }
  /// a where x > limit, else b.
  static Vec where_greater(const Vec& x, float limit, const Vec& a, const Vec& b) {
    return each([&](std::size_t i) { return x.v[i] > limit ? a.v[i] : b.v[i]; });
  }
  static Vec where_nan(const Vec& x, const Vec& a, const Vec& b) {
    return each([&](std::size_t i) { return x.v[i] != x.v[i] ? a.v[i] : b.v[i]; });
  }
  /// x * 2^n for an integral n, in two exact steps. Lanes whose n is out of range hold anything:
  /// the caller replaces them.
  static Vec scale(const Vec& x, const Vec& n) {
    return each([&](std::size_t i) {
      const float clamped = n.v[i] > -160.0f ? (n.v[i] < 160.0f ? n.v[i] : 160.0f) : -160.0f;
      const int whole = static_cast<int>(clamped);
      const int half = whole >> 1;
      return x.v[i] * std::ldexp(1.0f, half) * std::ldexp(1.0f, whole - half);
    });
  }
};

}  // namespace
