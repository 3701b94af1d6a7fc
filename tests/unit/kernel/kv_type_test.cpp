// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "unit/model/checkpoints.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

constexpr std::size_t kVocab = 64;
constexpr TokenId kLoud = 7;

void scale(WrittenTensor& tensor, std::size_t begin, std::size_t end, float factor) {
  for (std::size_t i = begin; i < end; ++i) {
    float x = 0;
    std::memcpy(&x, tensor.bytes.data() + i * sizeof(x), sizeof(x));
    x *= factor;
    std::memcpy(tensor.bytes.data() + i * sizeof(x), &x, sizeof(x));
  }
}

/// A model whose first layer makes values of some 1e6 of one token, and of no other.
Model model_with_a_loud_token() {
  Parts parts = Parts::of("llama_early");
  WrittenTensor& embedding = parts.tensor("model.embed_tokens.weight");
  const std::size_t width = embedding.bytes.size() / sizeof(float) / kVocab;
  // So small that the norm's epsilon, not their own size, says how large they become.
  scale(embedding, 0, kLoud * width, 1e-9f);
  scale(embedding, (kLoud + 1) * width, kVocab * width, 1e-9f);
  WrittenTensor& values = parts.tensor("model.layers.0.self_attn.v_proj.weight");
  scale(values, 0, values.bytes.size() / sizeof(float), 1e6f);
  return load(parts).value();
}

struct OneRequest {
  Context context;
  std::vector<TokenId> tokens;
  std::vector<float> logits = std::vector<float>(kVocab);
  Request request = {};

  OneRequest(Kernel& kernel, const Model& model, std::vector<TokenId> tokens_in)
      : context(kernel.open(model).value()), tokens(std::move(tokens_in)) {
    request.context = &context;
    request.tokens = tokens;
    request.logits = Rows(logits.data(), 1, kVocab);
  }
  OneRequest(const OneRequest&) = delete;
  OneRequest& operator=(const OneRequest&) = delete;
};

void run(Kernel& kernel, std::vector<Request*> requests) {
  std::vector<Request> together;
  for (const Request* request : requests) together.push_back(*request);
  while (std::any_of(together.begin(), together.end(), [](const Request& request) { return !request.finished(); })) {
    REQUIRE(kernel.step(together).ok());
  }
  for (std::size_t i = 0; i < requests.size(); ++i) *requests[i] = together[i];
}

}  // namespace

TEST_CASE("a value that pages cannot hold ends its request with a typed error, and no other request notices") {
  const Model model = model_with_a_loud_token();
  for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kQ8_0}) {
    INFO(name(type));
    Kernel kernel = Kernel::create({.threads = 2, .kv_type = type}).value();
    OneRequest alone(kernel, model, {1, 2, 3}), calm(kernel, model, {1, 2, 3}), loud(kernel, model, {4, kLoud, 5});
    run(kernel, {&alone.request});
    REQUIRE(alone.request.status.ok());
    run(kernel, {&loud.request, &calm.request});
    CHECK(calm.request.status.ok());
    CHECK(same_bits(calm.logits, alone.logits));
    if (type != KvType::kF16) {
      CHECK(loud.request.status.ok());
      CHECK(loud.context.size() == 3);
      continue;
    }
    CHECK(loud.request.status.code() == Code::kUnsupported);
    CHECK(std::string(loud.request.status.came()).find("at position 1, layer 0") != std::string::npos);
    CHECK(loud.context.size() == 0);
    CHECK(loud.context.usage().bytes == loud.context.usage().table_bytes);
    loud.tokens = {1, 2, 3};  // it goes on
    loud.request.tokens = loud.tokens;
    loud.request.status = {};
    run(kernel, {&loud.request});
    CHECK(loud.request.status.ok());
    CHECK(same_bits(loud.logits, alone.logits));
  }
}
