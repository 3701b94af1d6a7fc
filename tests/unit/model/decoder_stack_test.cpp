// SPDX-License-Identifier: Apache-2.0
#include "model/run/decoder_stack.hpp"

#include <memory>
#include <numeric>
#include <vector>

#include <moxie/backend/backend.hpp>
#include <moxie/context/context.hpp>

#include "backend/access.hpp"
#include "context/access.hpp"
#include "model/run/attention.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/workers.hpp"

using namespace moxie;
using namespace moxie::model;

namespace {

constexpr std::size_t kD = 16, kC = 8, kInner = 24, kVocabulary = 7;

std::vector<float> random_matrix(std::size_t out, std::size_t in, std::uint64_t stream) {
  std::vector<float> values(out * in);
  test::fill_random({values.data(), out, in}, 11, stream);
  return values;
}

Linear linear(const Backend& backend, std::size_t out, std::size_t in, const std::vector<float>& values) {
  const auto* data = reinterpret_cast<const std::byte*>(values.data());
  return Linear::create(backend, {.data = data, .out_width = out, .in_width = in}).value();
}

/// Attention of so many query heads. The first ones of a layer are always the same; those behind `counted` are
/// multiplied with zeros.
std::unique_ptr<const AttentionBlock> attention(const Backend& backend, std::uint64_t layer, std::size_t heads,
                                                std::size_t counted) {
  std::vector<float> query;
  std::vector<float> output(kD * heads * kC);
  for (std::size_t h = 0; h < heads; ++h) {
    const std::vector<float> of_head = random_matrix(kC, kD, 100 * layer + 2 * h);
    query.insert(query.end(), of_head.begin(), of_head.end());
    const std::vector<float> columns = random_matrix(kD, kC, 100 * layer + 2 * h + 1);
    for (std::size_t d = 0; d < kD && h < counted; ++d) {
      for (std::size_t c = 0; c < kC; ++c) output[d * heads * kC + h * kC + c] = columns[d * kC + c];
    }
  }
  return std::make_unique<Attention>(
      Attention::Parts{.query = linear(backend, heads * kC, kD, query),
                       .key = linear(backend, kC, kD, random_matrix(kC, kD, 100 * layer + 90)),
                       .value = linear(backend, kC, kD, random_matrix(kC, kD, 100 * layer + 91)),
                       .output = linear(backend, kD, heads * kC, output),
                       .query_norm = {},
                       .key_norm = {},
                       .heads = heads,
                       .kv_heads = 1,
                       .head_width = kC,
                       .value_width = kC});
}

/// Layers of so many heads each, of which one counts.
DecoderStack stack_of(const std::vector<std::size_t>& heads) {
  const Backend backend = Backend::create({.matmul = MatmulPath::kNative}).value();
  const auto embedding = std::make_shared<std::vector<float>>(random_matrix(kVocabulary, kD, 7));
  const Norm norm(std::vector<float>(kD, 1.0f), 1e-6);
  DecoderStack::Parts parts;
  parts.embedding = {
      .owner = embedding,
      .rows = {
          .data = reinterpret_cast<const std::byte*>(embedding->data()), .out_width = kVocabulary, .in_width = kD}};
  parts.ropes.push_back(Rope(kC, 1e4));
  for (std::size_t l = 0; l < heads.size(); ++l) {
    GatedMlp<Linear> mlp = GatedMlp<Linear>::create(linear(backend, kInner, kD, random_matrix(kInner, kD, 10 * l + 1)),
                                                    linear(backend, kInner, kD, random_matrix(kInner, kD, 10 * l + 2)),
                                                    linear(backend, kD, kInner, random_matrix(kD, kInner, 10 * l + 3)))
                               .value();
    Layer layer;
    layer.blocks.push_back({.before = norm,
                            .behind = std::nullopt,
                            .attention = attention(backend, l + 1, heads[l], 1),
                            .feed_forward = nullptr,
                            .rope = 0,
                            .cache = l});
    layer.blocks.push_back(
        {.before = norm, .behind = std::nullopt, .attention = nullptr, .feed_forward = make_dense(std::move(mlp))});
    parts.layers.push_back(std::move(layer));
  }
  parts.final_norm = norm;
  parts.head = std::make_unique<Linear>(linear(backend, kVocabulary, kD, random_matrix(kVocabulary, kD, 8)));
  parts.kv_shape = {.layers = heads.size(), .kv_heads = 1, .key_width = kC, .value_width = kC};
  parts.backend = backend;
  return DecoderStack(std::move(parts));
}

/// The logits of five tokens, in exactly the scratch memory that the stack asks for.
std::vector<float> logits_of(const DecoderStack& stack) {
  constexpr std::size_t kT = 5;
  Context context =
      Context::create(KvPool::create(stack.kv_shape(), Budget::create("kv", Budget::kUnlimited)).value()).value();
  const std::vector<TokenId> tokens = {1, 6, 0, 3, 3};
  std::vector<Position> positions(kT);
  std::iota(positions.begin(), positions.end(), 0);
  std::vector<float> logits(kT * kVocabulary);
  std::vector<Output> outputs;
  for (std::size_t row = 0; row < kT; ++row) outputs.push_back({row, logits.data() + row * kVocabulary});
  const Segment segment{.begin = 0, .rows = kT, .position = 0, .kv = ContextAccess::prepare(context, kT).value()};
  const DecoderScratch scratch = stack.scratch_bytes(kT, {});
  test::WorkersOf of(test::host_threads(2), scratch.own - scratch.worker, scratch.worker);
  Workers workers = of.workers();
  const Status status = stack.forward(
      {.tokens = tokens, .positions = positions, .segments = {&segment, 1}, .outputs = outputs, .stop = {}}, workers);
  CHECK(status.message() == "");
  CHECK(of.is_intact());
  return logits;
}

}  // namespace

TEST_CASE("layers of one stack may be of different widths") {
  const std::vector<float> expected = logits_of(stack_of({1, 1, 1}));
  CHECK(std::abs(expected[3]) > 1e-3f);
  // Heads whose output is multiplied with zero add exactly nothing.
  CHECK(test::same_bits(logits_of(stack_of({1, 3, 1})), expected));
  CHECK(test::same_bits(logits_of(stack_of({3, 1, 2})), expected));
}
