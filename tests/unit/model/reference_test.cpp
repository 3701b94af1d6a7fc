// SPDX-License-Identifier: Apache-2.0
// Logits against transformers in double (tests/data/README.md says how those were made).

#include <algorithm>
#include <cmath>

#include "support/catch.hpp"
#include "support/kernels.hpp"
#include "support/running.hpp"
#include "unit/model/dense_reference.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// The largest difference over the largest logit. NaN in `got` gives infinity.
double relative_error(std::span<const float> got, std::span<const double> expected) {
  REQUIRE(got.size() == expected.size());
  double difference = 0;
  double largest = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!std::isfinite(got[i])) return std::numeric_limits<double>::infinity();
    difference = std::max(difference, std::abs(static_cast<double>(got[i]) - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  REQUIRE(largest > 0);
  return difference / largest;
}

}  // namespace

TEST_CASE("the comparator rejects what is wrong") {
  const std::vector<double> expected = {1, -2, 3, 0.5};
  CHECK(relative_error(std::vector<float>{1, -2, 3, 0.5f}, expected) == 0);
  CHECK(relative_error(std::vector<float>{1, 2, 3, 0.5f}, expected) > 1e-4);
  CHECK(relative_error(std::vector<float>{1, -2.1f, 3, 0.5f}, expected) > 1e-4);
  CHECK(relative_error(std::vector<float>{NAN, -2, 3, 0.5f}, expected) > 1e-4);
  CHECK(relative_error(std::vector<float>{INFINITY, -2, 3, 0.5f}, expected) > 1e-4);
  CHECK(relative_error(std::vector<float>{0, 0, 0, 0}, expected) > 1e-4);
  CHECK(relative_error(std::vector<float>{1, -2, 3.001f, 0.5f}, expected) > 1e-4);
}

TEST_CASE("logits equal those of transformers in double") {
  const auto path = GENERATE(MatmulPath::kAuto, MatmulPath::kNative, MatmulPath::kReference);
  for (const std::string& name : checkpoint_names()) {
    DYNAMIC_SECTION(name << " on " << moxie::name(path)) {
      const ReferenceLogits reference = load_reference(name);
      const Model model = Model::load(data_folder(name), {.backend = {.matmul = path}}).value();
      REQUIRE(model.config().vocab_size == reference.vocab_size);
      Kernel kernel = Kernel::create({.threads = 2}).value();
      Context context = kernel.open(model).value();
      const std::vector<float> logits = all_logits(kernel, context, reference.tokens, reference.vocab_size);
      // The bound of the issue is 1e-4 of the largest logit; f32 reaches a hundredth of it here.
      CHECK(relative_error(logits, reference.logits) <= 1e-5);
      CHECK(context.size() == reference.tokens.size());
    }
  }
}

TEST_CASE("every native path gives the same logits, bit for bit") {
  for (const std::string& name : checkpoint_names()) {
    const ReferenceLogits reference = load_reference(name);
    std::vector<float> expected;
    for (const Isa isa : kIsas) {
      const auto model = Model::load(data_folder(name), {.backend = {.isa = isa, .matmul = MatmulPath::kNative}});
      if (!model.ok() && model.status().code() == Code::kUnsupported) {
        WARN("not on this CPU: " << moxie::name(isa));
        continue;
      }
      for (const WeightPath& path : model->weight_paths().value()) {
        CHECK(path.path.starts_with("native " + std::string(float_kernels(isa)) + " "));
      }
      Kernel kernel = Kernel::create({.threads = 1}).value();
      Context context = kernel.open(*model).value();
      const std::vector<float> logits = all_logits(kernel, context, reference.tokens, reference.vocab_size);
      if (expected.empty()) expected = logits;
      CHECK(same_bits(logits, expected));
    }
  }
}

TEST_CASE("pages of each type give the logits of a model in double that rounds keys and values as the type says") {
  for (const std::string name : {"qwen3", "mistral_window", "llama_biases"}) {
    const Model model = Model::load(data_folder(name), {.backend = {.matmul = MatmulPath::kNative}}).value();
    const std::filesystem::path recorded = test_data() / "kv_types" / (name + ".safetensors");
    const std::size_t vocab_size = model.config().vocab_size;
    for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kQ8_0}) {
      const std::vector<float> logits = logits_of_recorded(model, 80, {.threads = 2, .kv_type = type});
      const double error = error_of_recorded(recorded, type, logits, vocab_size);
      CAPTURE(name, moxie::name(type));
      // Where f32 puts a number on the other side of a half than double does, one number is off by a step of the type;
      // 1e-4 is a twentieth of what all roundings of f16 do together.
      CHECK(error <= (type == KvType::kF32 ? 1e-5 : 1e-4));
      WARN(name << ", " << moxie::name(type) << ": off by " << error);
      if (type != KvType::kF32) CHECK(error_of_recorded(recorded, KvType::kF32, logits, vocab_size) > 2e-4);
    }
  }
}

TEST_CASE("pages of other types are off from transformers by some of their own roundings") {
  // The roundings of 80 positions' keys and values reach a logit through all layers above. How much is the
  // checkpoint's: at most 17.5 (deepseek_v2), 3.1 and 12.3 roundings here, and 32 is the bound for all.
  struct Bound {
    KvType type;
    double rounding;  ///< the largest, of a number or, in q8_0, of the largest number of its span
  };
  for (const Bound& bound :
       {Bound{KvType::kF16, 0x1p-11}, Bound{KvType::kBF16, 0x1p-8}, Bound{KvType::kQ8_0, 0.5 / 127}}) {
    double worst = 0;
    for (const std::string& name : checkpoint_names()) {
      const ReferenceLogits reference = load_reference(name);
      const Model model = Model::load(data_folder(name), {.backend = {.matmul = MatmulPath::kNative}}).value();
      // A rounding may choose other experts; in f16 the margins of these checkpoints keep that from happening.
      if (model.config().num_experts != 0 && bound.type != KvType::kF16) continue;
      Kernel kernel = Kernel::create({.threads = 2, .kv_type = bound.type}).value();
      Context context = kernel.open(model).value();
      const std::vector<float> logits = all_logits(kernel, context, reference.tokens, reference.vocab_size);
      const double error = relative_error(logits, reference.logits);
      worst = std::max(worst, error);
      CAPTURE(name, moxie::name(bound.type), error);
      CHECK(error <= 32 * bound.rounding);
      CHECK(error >= 0.1 * bound.rounding);  // that it was rounded at all
    }
    WARN(moxie::name(bound.type) << ": off by " << worst << " of the largest logit, " << worst / bound.rounding
                                 << " roundings");
  }
}
