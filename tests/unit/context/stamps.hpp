// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <moxie/backend/kv_view.hpp>
#include <moxie/context/context.hpp>

namespace moxie::testing {

/// The key or value that a stamp puts into a channel: any bits, NaNs and all, so that a comparison of
/// floats would not do. Channels of keys come first.
inline std::uint32_t stamp_bits(std::uint64_t stamp, std::size_t layer, std::size_t head, std::size_t channel) {
  std::uint64_t x = stamp * 0x9E3779B97F4A7C15u + layer * 0xBF58476D1CE4E5B9u + head * 0x94D049BB133111EBu + channel;
  x = (x ^ (x >> 29)) * 0xD6E8FEB86659FD93u;
  return static_cast<std::uint32_t>(x >> 32);
}

/// Calls visit(value, channel, layer, head) for all that a position holds. Written from the words of
/// KvView alone, with offsets of its own: it does not use the helpers under test.
template <class Visit>
void each_value(const KvView& view, std::size_t position, Visit visit) {
  const KvShape& s = view.shape;
  float* page = view.pages[position / 32];
  const std::size_t lane = position % 32;
  const std::size_t block = 32 * (s.key_width + s.value_width);
  for (std::size_t layer = 0; layer < s.layers; ++layer) {
    for (std::size_t head = 0; head < s.kv_heads; ++head) {
      float* begin = page + (layer * s.kv_heads + head) * block;
      for (std::size_t c = 0; c < s.key_width; ++c) visit(begin[c * 32 + lane], c, layer, head);
      float* values = begin + 32 * s.key_width;
      for (std::size_t c = 0; c < s.value_width; ++c) {
        visit(values[lane * s.value_width + c], s.key_width + c, layer, head);
      }
    }
  }
}

inline void write_stamp(const KvView& view, std::size_t position, std::uint64_t stamp) {
  each_value(view, position, [&](float& value, std::size_t c, std::size_t layer, std::size_t head) {
    value = std::bit_cast<float>(stamp_bits(stamp, layer, head, c));
  });
}

inline bool has_stamp(const KvView& view, std::size_t position, std::uint64_t stamp) {
  bool same = true;
  each_value(view, position, [&](float& value, std::size_t c, std::size_t layer, std::size_t head) {
    same = same && std::bit_cast<std::uint32_t>(value) == stamp_bits(stamp, layer, head, c);
  });
  return same;
}

inline std::size_t count_nan(const KvView& view, std::size_t position) {
  std::size_t n = 0;
  each_value(view, position, [&](float& value, std::size_t, std::size_t, std::size_t) { n += value != value; });
  return n;
}

/// Appends positions whose stamps are first, first + 1, ... and whose tokens are the stamps.
inline Status append_stamps(Context& context, std::size_t n, std::uint64_t first) {
  const std::size_t size = context.size();
  MOXIE_TRY_LET(const KvView view, context.prepare(n));
  std::vector<TokenId> tokens;
  for (std::size_t i = 0; i < n; ++i) {
    write_stamp(view, size + i, first + i);
    tokens.push_back(static_cast<TokenId>(first + i));
  }
  return context.commit(tokens);
}

/// Whether positions [begin, begin + n) hold the stamps first, first + 1, ...
inline bool holds_stamps(const Context& context, std::size_t begin, std::size_t n, std::uint64_t first) {
  if (begin + n > context.size()) return false;
  for (std::size_t i = 0; i < n; ++i) {
    if (!has_stamp(context.view(), begin + i, first + i)) return false;
    if (context.tokens()[begin + i] != static_cast<TokenId>(first + i)) return false;
  }
  return true;
}

}  // namespace moxie::testing
