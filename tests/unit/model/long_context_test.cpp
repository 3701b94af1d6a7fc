// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "unit/model/dense_reference.hpp"

using namespace moxie;
using namespace moxie::test;

TEST_CASE("after 32,768 positions the logits equal the reference's, with and without a window") {
  constexpr std::size_t kPositions = 32768;
  for (const std::string name : {"qwen3", "mistral_window"}) {
    const Model model = Model::load(data_folder(name), {.backend = {.matmul = MatmulPath::kNative}}).value();
    ContextUsage usage;
    const std::vector<float> logits = logits_of_recorded(model, kPositions, {.threads = 2}, &usage);
    const double error = error_of_recorded(test_data() / "long_context" / (name + ".safetensors"), KvType::kF32, logits,
                                           model.config().vocab_size);
    WARN(name << ": off by " << error << " of the largest logit");
    CHECK(error <= 1e-5);  // as reference_test.cpp asks of 80 positions
    CHECK(usage.positions == kPositions);
    // Behind a window what is held does not grow.
    const std::size_t window = model.kv_shape().window;
    CHECK((window == 0) == (name == "qwen3"));
    CHECK(usage.pages <= (window == 0 ? kPositions / 32 : (window + ContextOptions().rewind) / 32 + 2));
  }
}
