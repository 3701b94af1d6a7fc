// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <moxie/backend/kv_view.hpp>
#include <moxie/context/context.hpp>

#include "context/access.hpp"

namespace moxie::testing {

/// The bits that a stamp puts into a number: any bits, NaNs and all, so that a comparison of floats would not do.
/// Numbers of a layer and head count from its first key on; where there are scales, they come after the values.
inline std::uint32_t stamp_bits(std::uint64_t stamp, std::size_t layer, std::size_t head, std::size_t number) {
  std::uint64_t x = stamp * 0x9E3779B97F4A7C15u + layer * 0xBF58476D1CE4E5B9u + head * 0x94D049BB133111EBu + number;
  x = (x ^ (x >> 29)) * 0xD6E8FEB86659FD93u;
  return static_cast<std::uint32_t>(x >> 32);
}

/// Calls visit(at, bytes, number, layer, head) for all that a position holds. Written from the words of
/// KvView alone, with offsets of its own: it does not use the helpers under test.
template <class Visit>
void each_number(const KvView& view, std::size_t position, Visit visit) {
  const KvShape& s = view.shape;
  const bool scaled = s.type == KvType::kQ8_0;
  const std::size_t bytes = s.type == KvType::kF32 ? 4 : scaled ? 1 : 2;
  const std::size_t key_scales = scaled ? (s.key_width + 31) / 32 : 0;
  const std::size_t value_scales = scaled ? (s.value_width + 31) / 32 : 0;
  const std::size_t content = 32 * (bytes * (s.key_width + s.value_width) + 2 * (key_scales + value_scales));
  const std::size_t block = (content + 63) / 64 * 64;
  std::byte* page = view.pages[position / 32];
  const std::size_t lane = position % 32;
  for (std::size_t layer = 0; layer < s.layers; ++layer) {
    for (std::size_t head = 0; head < s.kv_heads; ++head) {
      std::byte* at = page + (layer * s.kv_heads + head) * block;
      std::size_t number = 0;
      for (std::size_t c = 0; c < s.key_width; ++c) visit(at + (c * 32 + lane) * bytes, bytes, number++, layer, head);
      at += 32 * bytes * s.key_width;
      for (std::size_t c = 0; c < key_scales; ++c) visit(at + (c * 32 + lane) * 2, 2, number++, layer, head);
      at += 32 * 2 * key_scales;
      for (std::size_t c = 0; c < s.value_width; ++c) {
        visit(at + (lane * s.value_width + c) * bytes, bytes, number++, layer, head);
      }
      at += 32 * bytes * s.value_width;
      for (std::size_t c = 0; c < value_scales; ++c) visit(at + (c * 32 + lane) * 2, 2, number++, layer, head);
    }
  }
}

inline void write_stamp(const KvView& view, std::size_t position, std::uint64_t stamp) {
  each_number(view, position,
              [&](std::byte* at, std::size_t bytes, std::size_t number, std::size_t layer, std::size_t head) {
                const std::uint32_t bits = stamp_bits(stamp, layer, head, number);
                std::memcpy(at, &bits, bytes);  // the low ones, where they are fewer
              });
}

inline bool has_stamp(const KvView& view, std::size_t position, std::uint64_t stamp) {
  bool same = true;
  each_number(view, position,
              [&](const std::byte* at, std::size_t bytes, std::size_t number, std::size_t layer, std::size_t head) {
                const std::uint32_t bits = stamp_bits(stamp, layer, head, number);
                same = same && std::memcmp(at, &bits, bytes) == 0;
              });
  return same;
}

/// Of the keys and values of a position, those that attention would read as NaN.
inline std::size_t count_nan(const KvView& view, std::size_t position) {
  std::size_t n = 0;
  std::vector<float> key(view.shape.key_width), value(view.shape.value_width);
  for (std::size_t layer = 0; layer < view.shape.layers; ++layer) {
    for (std::size_t head = 0; head < view.shape.kv_heads; ++head) {
      view.load(layer, head, position, key.data(), value.data());
      for (const float x : key) n += x != x;
      for (const float x : value) n += x != x;
    }
  }
  return n;
}

/// Appends positions whose stamps are first, first + 1, ... and whose tokens are the stamps.
inline Status append_stamps(Context& context, std::size_t n, std::uint64_t first) {
  const std::size_t size = context.size();
  MOXIE_TRY_LET(const KvView view, ContextAccess::prepare(context, n));
  std::vector<TokenId> tokens;
  for (std::size_t i = 0; i < n; ++i) {
    write_stamp(view, size + i, first + i);
    tokens.push_back(static_cast<TokenId>(first + i));
  }
  return ContextAccess::commit(context, tokens);
}

/// Whether positions [begin, begin + n) hold the stamps first, first + 1, ...
inline bool holds_stamps(const Context& context, std::size_t begin, std::size_t n, std::uint64_t first) {
  if (begin + n > context.size()) return false;
  for (std::size_t i = 0; i < n; ++i) {
    if (!has_stamp(ContextAccess::view(context), begin + i, first + i)) return false;
    if (context.tokens()[begin + i] != static_cast<TokenId>(first + i)) return false;
  }
  return true;
}

}  // namespace moxie::testing
