// SPDX-License-Identifier: Apache-2.0
// The numerics id: another one where bits may differ, the same where they do not.
#include <moxie/kernel/numerics.hpp>

#include <string>

#include <moxie/model/pathway.hpp>

#include "support/catch.hpp"
#include "support/data.hpp"

using namespace moxie;

namespace {

Model load(const char* folder, const BackendOptions& backend) {
  return Model::load(test::test_data() / folder, {.backend = backend}).value();
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the numerics name what bits depend on") {
  const Model model = load("bf16", {.isa = Isa::kPortable, .matmul = MatmulPath::kNative});
  const Numerics f32 = numerics(model, KvType::kF32).value();
  INFO(f32.text);
  for (const char* part :
       {"cpu; products 1; quantized products 2; reductions 1; attention 2; experts 1; libm ", "; kv f32; sampling 1"}) {
    CHECK(contains(f32.text, part));
  }
  CHECK(numerics(model, KvType::kF32).value().id == f32.id);
  const Numerics q8 = numerics(model, KvType::kQ8_0).value();
  CHECK(contains(q8.text, "; kv q8_0; "));
  CHECK(q8.id != f32.id);
  CHECK(numerics(model.backend(), KvType::kF32).value().text == f32.text);
}

TEST_CASE("paths with equal bits have one id, others have another, and a pathway's hash contains it") {
  const Model portable = load("bf16", {.isa = Isa::kPortable, .matmul = MatmulPath::kNative});
  const Model native = load("bf16", {.matmul = MatmulPath::kNative});
  const Model reference = load("bf16", {.matmul = MatmulPath::kReference});
  CHECK(portable.numerics() == native.numerics());
  CHECK(portable.identity() == native.identity());
  CHECK(reference.numerics() != native.numerics());
  CHECK(reference.fingerprint() == native.fingerprint());
  CHECK(Pathway(reference).hash() != Pathway(native).hash());
  const Model other = load("biases", {.matmul = MatmulPath::kNative});
  CHECK(other.numerics() == native.numerics());
  CHECK(Pathway(other).hash() != Pathway(native).hash());
}

TEST_CASE("oneDNN is named where it carries a product") {
  const Result<Backend> backend = Backend::create({.matmul = MatmulPath::kOneDnn});
  if (!backend.ok()) {
    WARN("skipped: " << backend.status().message());
    return;
  }
  CHECK(contains(numerics(*backend, KvType::kF32).value().text, "onednn "));
  // BF16 goes to native panels, though oneDNN is there.
  const Model bf16 = load("bf16", {});
  bool by_onednn = false;
  for (const WeightPath& path : bf16.weight_paths().value()) by_onednn = by_onednn || path.path.starts_with("onednn");
  CHECK(contains(std::string(bf16.numerics()), "onednn") == by_onednn);
}
