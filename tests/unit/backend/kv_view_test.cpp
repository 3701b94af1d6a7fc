// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <moxie/backend/kv_view.hpp>
#include <moxie/core/philox.hpp>

#include "support/catch.hpp"
#include "unit/backend/kv_rounding.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

KvShape shape_of(KvType type, std::size_t key_width, std::size_t value_width) {
  return {.layers = 2, .kv_heads = 3, .key_width = key_width, .value_width = value_width, .type = type};
}

/// Numbers of all sizes, among them 0, -0 and subnormal ones of f16.
std::vector<float> row_of(std::size_t width, std::uint64_t seed) {
  const Philox random(seed);
  std::vector<float> row(width);
  for (std::size_t c = 0; c < width; ++c) {
    const auto draw = random.block(c);
    const int exponent = static_cast<int>(draw[1] % 24) - 16;
    row[c] = std::ldexp(2.0f * Philox::uniform(draw[0]) - 1.0f, exponent);
    if (draw[2] % 17 == 0) row[c] = draw[3] % 2 == 0 ? 0.0f : -0.0f;
  }
  return row;
}

constexpr std::size_t kWidths[][2] = {{1, 1}, {5, 4}, {31, 33}, {32, 64}, {40, 10}, {128, 128}, {576, 512}};

}  // namespace

TEST_CASE("a shape says where a page has what") {
  for (const KvType type : kKvTypes) {
    for (const auto& [key_width, value_width] : kWidths) {
      const KvShape shape = shape_of(type, key_width, value_width);
      const KvBytes bytes(shape, 1);
      INFO(name(type) << ", widths " << key_width << " and " << value_width);
      CHECK(shape.block_bytes() == bytes.block_bytes());
      CHECK(shape.page_bytes() == bytes.page_bytes());
      CHECK(shape.block(1, 2).keys == 5 * bytes.block_bytes());
    }
  }
}

TEST_CASE("layers that are not alike lie behind each other, each as if it were alone") {
  for (const KvType type : kKvTypes) {
    const KvShape shape{.layers = 2,
                        .kv_heads = 3,
                        .key_width = 5,
                        .value_width = 4,
                        .type = type,
                        .others = {{{.layers = 1, .kv_heads = 1, .key_width = 40, .value_width = 33},
                                    {.layers = 2, .kv_heads = 2, .key_width = 31, .value_width = 64}}}};
    std::vector<std::byte> page(shape.page_bytes() + 64);
    std::byte* const aligned = page.data() + (64 - reinterpret_cast<std::uintptr_t>(page.data()) % 64) % 64;
    std::byte* const pages[] = {aligned};
    const KvView view{shape, pages};
    std::size_t begin = 0;
    for (std::size_t layer = 0; layer < shape.all_layers(); ++layer) {
      const KvLayers kind = shape.kind_of(layer);
      const KvShape alone{1, 1, kind.key_width, kind.value_width, type};
      for (std::size_t head = 0; head < kind.kv_heads; ++head, begin += alone.page_bytes()) {
        INFO(name(type) << ", layer " << layer << ", head " << head);
        CHECK(shape.block(layer, head).keys == begin);
        const std::vector<float> key = row_of(kind.key_width, begin), value = row_of(kind.value_width, begin + 1);
        std::vector<std::byte> expected(alone.page_bytes());
        std::byte* const one[] = {expected.data()};
        REQUIRE(view.store(layer, head, 9, key.data(), value.data()).ok());
        REQUIRE(KvView{alone, one}.store(0, 0, 9, key.data(), value.data()).ok());
        CHECK(std::equal(expected.begin(), expected.end(), aligned + begin));
        std::vector<float> key_back(kind.key_width), value_back(kind.value_width);
        std::vector<float> key_alone(kind.key_width), value_alone(kind.value_width);
        view.load(layer, head, 9, key_back.data(), value_back.data());
        KvView{alone, one}.load(0, 0, 9, key_alone.data(), value_alone.data());
        CHECK(key_back == key_alone);
        CHECK(value_back == value_alone);
      }
    }
    CHECK(begin == shape.page_bytes());
  }
}

TEST_CASE("store writes the bytes that the type means, and no others") {
  for (const KvType type : kKvTypes) {
    for (const auto& [key_width, value_width] : kWidths) {
      const KvShape shape = shape_of(type, key_width, value_width);
      KvBytes expected(shape, 2);
      const KvBytes written(shape, 2);
      const KvView view{shape, written.pages()};
      // Positions in any order, each once: none changes what another holds.
      for (std::size_t i = 0; i < 64; ++i) {
        const std::size_t position = i * 37 % 64;
        if (position % 5 == 0) continue;
        const std::vector<float> key = row_of(key_width, position), value = row_of(value_width, 1000 + position);
        REQUIRE(view.store(1, 2, position, key.data(), value.data()).ok());
        expected.put(1, 2, position, KvRow(type, key), KvRow(type, value));
      }
      INFO(name(type) << ", widths " << key_width << " and " << value_width);
      for (std::size_t p = 0; p < 2; ++p) {
        CHECK(std::equal(written.pages()[p], written.pages()[p] + shape.page_bytes(), expected.pages()[p]));
      }
    }
  }
}

TEST_CASE("load gives what was stored, exactly, and it is as near as the type allows") {
  for (const KvType type : kKvTypes) {
    for (const auto& [key_width, value_width] : kWidths) {
      const KvShape shape = shape_of(type, key_width, value_width);
      const KvBytes bytes(shape, 1);
      const KvView view{shape, bytes.pages()};
      for (std::size_t position = 0; position < 32; ++position) {
        const std::vector<float> key = row_of(key_width, position), value = row_of(value_width, 1000 + position);
        REQUIRE(view.store(0, 1, position, key.data(), value.data()).ok());
      }
      std::vector<float> key(key_width), value(value_width);
      for (std::size_t position = 0; position < 32; ++position) {
        view.load(0, 1, position, key.data(), value.data());
        INFO(name(type) << ", widths " << key_width << " and " << value_width << ", position " << position);
        const auto check = [&](const std::vector<float>& given, const std::vector<float>& came) {
          const KvRow row(type, given);
          std::size_t wrong = 0;
          for (std::size_t c = 0; c < given.size(); ++c) {
            const auto x = static_cast<double>(given[c]), y = static_cast<double>(came[c]);
            wrong += y != row.value[c];
            const std::size_t begin = c / 32 * 32;
            const double half_step = type == KvType::kF32   ? 0.0
                                     : type == KvType::kF16 ? std::max(std::abs(x) * 0x1p-11, 0x1p-25)
                                     : type == KvType::kBF16
                                         ? std::abs(x) * 0x1p-8
                                         : 0.5 * q8_scale(std::span(given).subspan(begin).first(
                                                     std::min<std::size_t>(32, given.size() - begin)));
            wrong += !(std::abs(x - y) <= half_step * (1.0 + 0x1p-20));
          }
          CHECK(wrong == 0);
        };
        check(row_of(key_width, position), key);
        check(row_of(value_width, 1000 + position), value);
      }
    }
  }
}

TEST_CASE("halves go to the even neighbour") {
  const auto stored = [](KvType type, float x, float beside) {
    const KvShape shape = shape_of(type, 2, 2);
    const KvBytes bytes(shape, 1);
    const KvView view{shape, bytes.pages()};
    const float row[] = {x, beside};
    REQUIRE(view.store(0, 0, 3, row, row).ok());
    float key[2], value[2];
    view.load(0, 0, 3, key, value);
    CHECK(key[0] == value[0]);
    return key[0];
  };
  CHECK(stored(KvType::kF16, 2049.0f, 0.0f) == 2048.0f);
  CHECK(stored(KvType::kF16, 2051.0f, 0.0f) == 2052.0f);
  CHECK(stored(KvType::kBF16, 257.0f, 0.0f) == 256.0f);
  CHECK(stored(KvType::kBF16, -259.0f, 0.0f) == -260.0f);
  CHECK(stored(KvType::kQ8_0, 0.5f, 127.0f) == 0.0f);
  CHECK(stored(KvType::kQ8_0, 1.5f, 127.0f) == 2.0f);
  CHECK(stored(KvType::kQ8_0, -2.5f, 127.0f) == -2.0f);
  CHECK(stored(KvType::kQ8_0, 127.0f, -127.0f) == 127.0f);
  // A scale of f16's smallest numbers: 2^-24 is its last one.
  CHECK(stored(KvType::kQ8_0, 0x1p-24f, 0.0f) == 0x1p-24f);
  CHECK(stored(KvType::kQ8_0, 0x1p-26f, 0x1p-30f) == 0.0f);
  CHECK(stored(KvType::kQ8_0, 0.0f, 0.0f) == 0.0f);
}

TEST_CASE("what a type does not have is refused, never turned into an infinity") {
  const auto store = [](KvType type, float key, float value) {
    const KvShape shape = shape_of(type, 3, 40);
    const KvBytes bytes(shape, 1);
    const KvView view{shape, bytes.pages()};
    std::vector<float> keys(3, 1.0f), values(40, 1.0f);
    keys[2] = key;
    values[39] = value;
    return view.store(1, 2, 7, keys.data(), values.data());
  };
  struct Limit {
    KvType type;
    float most, beyond;
  };
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  // 65519.99 is nearer to 65504 than to 65536; bf16's last number is 0x1.fep127.
  for (const Limit& limit :
       {Limit{KvType::kF16, 65519.99f, 65520.0f}, Limit{KvType::kBF16, 0x1.fefffep127f, 0x1.ffp127f},
        Limit{KvType::kQ8_0, 127.0f * 65504.0f, 127.0f * 65520.0f}}) {
    INFO(name(limit.type));
    for (const float sign : {1.0f, -1.0f}) {
      CHECK(store(limit.type, sign * limit.most, 1.0f).ok());
      CHECK(store(limit.type, 1.0f, sign * limit.most).ok());
      for (const float bad : {sign * limit.beyond, sign * kInfinity, sign * std::nanf("")}) {
        CHECK(store(limit.type, bad, 1.0f).code() == Code::kUnsupported);
        CHECK(store(limit.type, 1.0f, bad).code() == Code::kUnsupported);
      }
    }
  }
  const Status refused = store(KvType::kF16, -70000.0f, 1.0f);
  CHECK(
      refused.message() ==
      "KvView::store: needed keys and values that f16 pages can hold (f32 pages hold all), came -70000 at position 7, "
      "layer 1, head 2");
  CHECK(store(KvType::kF32, kInfinity, std::nanf("")).ok());
}
