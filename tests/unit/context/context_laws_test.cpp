// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <vector>

#include <moxie/context/context.hpp>
#include <moxie/core/math.hpp>

#include "context/access.hpp"
#include "support/catch.hpp"

using namespace moxie;

namespace {

constexpr std::size_t kLayers = 2, kKeyWidth = 4, kValueWidth = 3;

/// A model in miniature: each position's keys and values depend on its token and, by attention, on all
/// that the context holds before. One wrong bit anywhere shows in every position after it.
class Toy {
 public:
  static Status append(Context& context, std::span<const TokenId> tokens) {
    const std::size_t size = context.size();
    MOXIE_TRY_LET(const KvView view, ContextAccess::prepare(context, tokens.size()));
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      float hidden = 0.01f * static_cast<float>(tokens[i] % 97) - 0.3f;
      for (std::size_t layer = 0; layer < kLayers; ++layer) {
        MOXIE_TRY(store(view, layer, size + i, hidden));
        hidden = attend(view, layer, size + i, hidden);
      }
    }
    return ContextAccess::commit(context, tokens);
  }

 private:
  static Status store(const KvView& view, std::size_t layer, std::size_t position, float hidden) {
    float key[kKeyWidth], value[kValueWidth];
    for (std::size_t c = 0; c < kKeyWidth; ++c) key[c] = hidden * (1.0f + static_cast<float>(c)) + 0.1f;
    for (std::size_t c = 0; c < kValueWidth; ++c) value[c] = hidden - 0.2f * static_cast<float>(c);
    return view.store(layer, 0, position, key, value);
  }

  static float attend(const KvView& view, std::size_t layer, std::size_t position, float hidden) {
    const std::size_t window = view.shape.window;
    float total = 0.0f;
    float out = 0.0f;
    for (std::size_t p = window != 0 && position + 1 > window ? position + 1 - window : 0; p <= position; ++p) {
      float key[kKeyWidth], value[kValueWidth];
      view.load(layer, 0, p, key, value);
      float score = 0.0f;
      for (const float k : key) score += k * hidden;
      const float weight = moxie::exp(score - 2.0f);
      total += weight;
      for (const float v : value) out += weight * v;
    }
    return out / total;
  }
};

std::vector<TokenId> tokens_of(std::size_t n, TokenId salt) {
  std::vector<TokenId> tokens(n);
  for (std::size_t i = 0; i < n; ++i) tokens[i] = static_cast<TokenId>((i * 7919 + 31) % 1009) + salt;
  return tokens;
}

/// Every bit that positions [first, size) hold, as attention reads them.
std::vector<std::uint32_t> bits_of(const Context& context, std::size_t first = 0) {
  std::vector<std::uint32_t> bits;
  const KvView view = ContextAccess::view(context);
  for (std::size_t p = first; p < context.size(); ++p) {
    for (std::size_t layer = 0; layer < kLayers; ++layer) {
      float numbers[kKeyWidth + kValueWidth];
      view.load(layer, 0, p, numbers, numbers + kKeyWidth);
      for (const float x : numbers) bits.push_back(std::bit_cast<std::uint32_t>(x));
    }
  }
  return bits;
}

std::shared_ptr<KvPool> pool(KvType type = KvType::kF32, std::size_t window = 0) {
  const KvShape shape{.layers = kLayers,
                      .kv_heads = 1,
                      .key_width = kKeyWidth,
                      .value_width = kValueWidth,
                      .type = type,
                      .window = window};
  return KvPool::create(shape, Budget::create("kv", Budget::kUnlimited), {.poison_freed = true}).value();
}

KvType any_type() { return GENERATE(KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kQ8_0); }

/// The whole prompt at once in a context of its own: what all other ways must equal.
std::vector<std::uint32_t> expected(std::span<const TokenId> tokens, KvType type) {
  Context context = Context::create(pool(type)).value();
  REQUIRE(Toy::append(context, tokens).ok());
  const std::vector<std::uint32_t> bits = bits_of(context);
  std::size_t nans = 0;
  for (const std::uint32_t b : bits) nans += std::isnan(std::bit_cast<float>(b));
  REQUIRE(nans == 0);
  return bits;
}

}  // namespace

TEST_CASE("the toy sees one changed token in every position after it") {
  std::vector<TokenId> tokens = tokens_of(50, 0);
  const auto before = expected(tokens, KvType::kF32);
  tokens[10] += 1;
  const auto after = expected(tokens, KvType::kF32);
  const std::size_t per_position = kLayers * (kKeyWidth + kValueWidth);
  const auto same = [&](std::size_t p) {
    return std::equal(before.begin() + static_cast<std::ptrdiff_t>(p * per_position),
                      before.begin() + static_cast<std::ptrdiff_t>((p + 1) * per_position),
                      after.begin() + static_cast<std::ptrdiff_t>(p * per_position));
  };
  for (std::size_t p = 0; p < 10; ++p) CHECK(same(p));
  CHECK_FALSE(same(10));
  CHECK_FALSE(same(11));
  CHECK_FALSE(same(49));
}

TEST_CASE("a prompt gives the same bits in chunks of any size") {
  const KvType type = any_type();
  const std::vector<TokenId> tokens = tokens_of(150, 0);
  const auto whole = expected(tokens, type);
  for (const std::size_t chunk : {1u, 2u, 7u, 31u, 32u, 33u, 64u, 149u}) {
    Context context = Context::create(pool(type)).value();
    for (std::size_t at = 0; at < tokens.size(); at += chunk) {
      REQUIRE(Toy::append(context, std::span(tokens).subspan(at, std::min(chunk, tokens.size() - at))).ok());
    }
    INFO("chunk " << chunk);
    CHECK(bits_of(context) == whole);
  }
}

TEST_CASE("a fork at any position goes on with the same bits, and so does its origin") {
  const KvType type = any_type();
  const std::vector<TokenId> tokens = tokens_of(100, 0);
  const auto whole = expected(tokens, type);
  for (std::size_t at = 0; at <= 100; ++at) {
    std::vector<TokenId> other(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(at));
    for (const TokenId token : tokens_of(20, 3)) other.push_back(token);
    Context origin = Context::create(pool(type)).value();
    REQUIRE(Toy::append(origin, std::span(tokens).first(at)).ok());
    Context fork = origin.fork().value();
    REQUIRE(Toy::append(fork, std::span(other).subspan(at)).ok());
    REQUIRE(Toy::append(origin, std::span(tokens).subspan(at)).ok());
    INFO("fork at " << at);
    CHECK(bits_of(origin) == whole);
    CHECK(bits_of(fork) == expected(other, type));
  }
}

TEST_CASE("truncating and going on gives the bits of never having been longer") {
  const KvType type = any_type();
  const std::vector<TokenId> tokens = tokens_of(100, 0);
  const auto whole = expected(tokens, type);
  for (std::size_t keep = 0; keep <= 80; keep += 5) {
    Context context = Context::create(pool(type)).value();
    REQUIRE(Toy::append(context, std::span(tokens).first(keep)).ok());
    REQUIRE(Toy::append(context, tokens_of(50, 11)).ok());
    REQUIRE(context.truncate(keep).ok());
    REQUIRE(Toy::append(context, std::span(tokens).subspan(keep)).ok());
    INFO("keep " << keep);
    CHECK(bits_of(context) == whole);
  }
}

TEST_CASE("contexts that share a pool do not touch one another's bits") {
  const KvType type = any_type();
  const auto shared = pool(type);
  std::vector<Context> contexts;
  for (int i = 0; i < 8; ++i) contexts.push_back(Context::create(shared).value());
  for (std::size_t at = 0; at < 80; ++at) {  // in turn, so that their pages interleave
    for (std::size_t i = 0; i < contexts.size(); ++i) {
      const std::vector<TokenId> tokens = tokens_of(80, static_cast<TokenId>(i));
      REQUIRE(Toy::append(contexts[i], std::span(tokens).subspan(at, 1)).ok());
    }
  }
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    CHECK(bits_of(contexts[i]) == expected(tokens_of(80, static_cast<TokenId>(i)), type));
  }
}

TEST_CASE("pages behind a window are given back, and what goes on has the same bits") {
  // A window that gives nothing back is the other way: a rewind that reaches to the first position.
  const KvType type = any_type();
  const std::vector<TokenId> tokens = tokens_of(300, 0);
  for (const std::size_t window : {1u, 7u, 32u, 33u, 80u}) {
    Context whole = Context::create(pool(type, window), {.rewind = 300}).value();
    REQUIRE(Toy::append(whole, tokens).ok());
    REQUIRE(whole.usage().released_pages == 0);
    for (const std::size_t chunk : {1u, 31u, 32u, 100u}) {
      INFO(name(type) << ", window " << window << ", chunk " << chunk);
      Context context = Context::create(pool(type, window), {.rewind = 0}).value();
      for (std::size_t at = 0; at < tokens.size(); at += chunk) {
        REQUIRE(Toy::append(context, std::span(tokens).subspan(at, std::min(chunk, tokens.size() - at))).ok());
      }
      const std::size_t first = context.usage().released_pages * kKvPagePositions;
      CHECK(first > 0);
      CHECK(bits_of(context, first) == bits_of(whole, first));
    }
  }
}
