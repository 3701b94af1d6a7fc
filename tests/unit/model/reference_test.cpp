// SPDX-License-Identifier: Apache-2.0
// Logits against transformers in double (tests/data/README.md says how those were made).

#include <algorithm>
#include <cmath>

#include "support/catch.hpp"
#include "support/running.hpp"

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
    for (const Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
      const auto model = Model::load(data_folder(name), {.backend = {.isa = isa, .matmul = MatmulPath::kNative}});
      if (!model.ok() && model.status().code() == Code::kUnsupported) {
        WARN("not on this CPU: " << moxie::name(isa));
        continue;
      }
      for (const WeightPath& path : model->weight_paths().value()) {
        CHECK(path.path.find(moxie::name(isa)) != std::string::npos);
      }
      Kernel kernel = Kernel::create({.threads = 1}).value();
      Context context = kernel.open(*model).value();
      const std::vector<float> logits = all_logits(kernel, context, reference.tokens, reference.vocab_size);
      if (expected.empty()) expected = logits;
      CHECK(same_bits(logits, expected));
    }
  }
}
