// SPDX-License-Identifier: Apache-2.0
// Bytes that are charged against bytes that are really there.
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <fstream>
#include <vector>

#include <moxie/context/context.hpp>

#include "context/access.hpp"
#include "support/catch.hpp"

using namespace moxie;

namespace {

/// What this process has in memory, in bytes.
std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t mapped = 0, resident = 0;
  statm >> mapped >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

/// Fills n positions, so that no byte of them waits for its first touch.
Status fill(Context& context, std::size_t n) {
  const std::size_t size = context.size();
  MOXIE_TRY_LET(const KvView view, ContextAccess::prepare(context, n));
  std::vector<float> numbers(view.shape.key_width + view.shape.value_width, 0.5f);
  for (std::size_t position = size; position < size + n; ++position) {
    for (std::size_t layer = 0; layer < view.shape.layers; ++layer) {
      for (std::size_t head = 0; head < view.shape.kv_heads; ++head) {
        MOXIE_TRY(view.store(layer, head, position, numbers.data(), numbers.data() + view.shape.key_width));
      }
    }
  }
  return ContextAccess::commit(context, std::vector<TokenId>(n, 1));
}

}  // namespace

TEST_CASE("what a pool counts is what is in memory, within two hundredths, in every type") {
  if (resident_bytes() == 0) return;  // no such file on this system
  struct Case {
    std::size_t layers;
    KvType type;
  };
  // Pages of 1 MiB in f32, and of 3 MiB, of which a huge page takes two. Whole ones: what nobody has written yet is
  // charged, but not there.
  for (const auto& [layers, type] : {Case{8, KvType::kF32}, Case{8, KvType::kF16}, Case{8, KvType::kBF16},
                                     Case{8, KvType::kQ8_0}, Case{24, KvType::kF32}}) {
    const KvShape shape{.layers = layers, .kv_heads = 4, .key_width = 128, .value_width = 128, .type = type};
    const auto budget = Budget::create("kv", Budget::kUnlimited);
    const auto pool = KvPool::create(shape, budget).value();
    const std::uint64_t before = resident_bytes();
    std::vector<Context> contexts;
    contexts.reserve(8);
    contexts.push_back(Context::create(pool).value());
    REQUIRE(fill(contexts[0], 1600).ok());
    for (int i = 0; i < 4; ++i) {
      contexts.push_back(contexts[0].fork().value());
      REQUIRE(fill(contexts.back(), 96).ok());
    }
    const auto there = static_cast<double>(resident_bytes() - before);
    const auto counted = static_cast<double>(budget->used());
    INFO(layers << " layers, " << name(type) << ": " << counted << " bytes counted, " << there << " resident");
    CHECK(counted > 12e6);
    CHECK(std::abs(there - counted) <= 0.02 * counted);
    contexts.clear();
    CHECK(budget->used() == 0);
    CHECK(static_cast<double>(resident_bytes()) <= static_cast<double>(before) + 0.02 * counted);
  }
}
