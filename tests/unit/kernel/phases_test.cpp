// SPDX-License-Identifier: Apache-2.0
// KernelOptions::phases: what a sink is told of the steps.
#include <algorithm>
#include <numeric>
#include <vector>

#include "support/catch.hpp"
#include "support/running.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

struct Spans final : PhaseSink {
  std::vector<PhaseSpan> all;
  void take(const PhaseSpan& span) noexcept override { all.push_back(span); }

  [[nodiscard]] std::vector<PhaseSpan> of(Phase phase) const {
    std::vector<PhaseSpan> found;
    std::ranges::copy_if(all, std::back_inserter(found), [&](const PhaseSpan& span) { return span.phase == phase; });
    return found;
  }
};

std::vector<TokenId> some_tokens(std::size_t count, std::size_t V) {
  std::vector<TokenId> tokens(count);
  for (std::size_t i = 0; i < count; ++i) tokens[i] = static_cast<TokenId>(i * 7 % V);
  return tokens;
}

}  // namespace

TEST_CASE("phases follow each other, name their layers, and change no bit") {
  const std::string name = GENERATE("tiny_tied", "qwen2_moe", "deepseek_v3", "gpt_oss_mxfp4");
  INFO(name);
  const Model model = Model::load(data_folder(name)).value();
  const ModelConfig& config = model.config();
  const std::vector<TokenId> tokens = some_tokens(40, config.vocab_size);
  Kernel plain = Kernel::create({.threads = 2}).value();
  Context alone = plain.open(model).value();
  const auto expected = all_logits(plain, alone, tokens, config.vocab_size);

  const auto spans = std::make_shared<Spans>();
  Kernel kernel = Kernel::create({.threads = 2, .phases = spans}).value();
  Context context = kernel.open(model).value();
  CHECK(same_bits(all_logits(kernel, context, tokens, config.vocab_size), expected));

  REQUIRE(spans->all.size() > 4 * config.num_hidden_layers);
  for (std::size_t i = 0; i < spans->all.size(); ++i) {
    const PhaseSpan& span = spans->all[i];
    CHECK(span.step == 1);
    CHECK(span.begin <= span.end);
    if (i != 0) CHECK(spans->all[i - 1].end <= span.begin);
  }
  CHECK(spans->all.front().phase == Phase::kPlan);
  CHECK(spans->of(Phase::kEmbedding).size() == 1);
  CHECK(spans->of(Phase::kSampling).empty());  // logits were asked for, and no token
  const auto attention = spans->of(Phase::kAttention);
  REQUIRE(attention.size() == config.num_hidden_layers);
  for (std::size_t layer = 0; layer < attention.size(); ++layer) {
    CHECK(attention[layer].layer == layer);
    CHECK(attention[layer].rows == tokens.size());
  }
  const auto experts = spans->of(Phase::kExperts);
  CHECK(experts.size() == static_cast<std::size_t>(std::ranges::count(config.moe_layers, true)));
  CHECK(spans->of(Phase::kRouting).size() == experts.size());
}

TEST_CASE("the work of a phase is counted") {
  // F32 weights: 4 bytes each, a multiply and an add for each and each row.
  const Model model = Model::load(data_folder("tiny_tied"), {.backend = {.matmul = MatmulPath::kNative}}).value();
  const ModelConfig& config = model.config();
  const auto spans = std::make_shared<Spans>();
  Kernel kernel = Kernel::create({.threads = 1, .phases = spans}).value();
  Context context = kernel.open(model).value();
  const std::size_t rows = GENERATE(as<std::size_t>{}, 1, 30);
  static_cast<void>(all_logits(kernel, context, some_tokens(rows, config.vocab_size), config.vocab_size));

  const std::uint64_t weights = std::uint64_t{3} * config.hidden_size * config.moe_intermediate_size;  // of an expert
  for (const PhaseSpan& span : spans->of(Phase::kExperts)) {
    CHECK(span.work.f32_operations == 2 * weights * rows * config.num_experts_per_tok);
    CHECK(span.work.int8_operations == 0);
    // Between those of one row and all.
    const auto reads = static_cast<double>(span.work.bytes) / (4.0 * static_cast<double>(weights));
    CHECK(reads >= static_cast<double>(config.num_experts_per_tok));
    CHECK(reads < 1.5 * static_cast<double>(config.num_experts));  // tiles are filled up
  }
  for (const PhaseSpan& span : spans->of(Phase::kAttention)) {
    const std::uint64_t seen = rows * (rows + 1) / 2;  // positions, over all rows
    CHECK(span.work.f32_operations == 4 * seen * config.num_attention_heads * config.head_dim);
    CHECK(span.work.bytes == 8 * rows * config.num_key_value_heads * config.head_dim);
  }
  const auto head = spans->of(Phase::kHead);
  REQUIRE(head.size() == 1);
  CHECK(head[0].work.f32_operations == 2 * rows * config.hidden_size * config.vocab_size);
}

TEST_CASE("a generation's steps end with sampling and text, and are numbered") {
  const Model model = Model::load(test_data() / "../../examples/tiny-model/moxie-tiny.gguf").value();
  const auto spans = std::make_shared<Spans>();
  Kernel kernel = Kernel::create({.threads = 1, .phases = spans}).value();
  Generation answer = kernel.generate(model, "One two three", {.max_tokens = 5});
  REQUIRE(answer.run().ok());
  const auto text = spans->of(Phase::kText);
  REQUIRE(text.size() == answer.usage().generated_tokens);
  CHECK(spans->of(Phase::kSampling).size() == text.size());
  for (std::size_t i = 0; i < text.size(); ++i) CHECK(text[i].step == i + 1);
  CHECK(spans->all.back().phase == Phase::kText);
  std::uint64_t quantized = 0;
  for (const PhaseSpan& span : spans->of(Phase::kExperts)) quantized += span.work.int8_operations;
  CHECK(quantized != 0);
}
