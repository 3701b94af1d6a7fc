// SPDX-License-Identifier: Apache-2.0
// Checkpoints whose tensors are stored in other types, in other places, or hold other numbers than a model should.
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "checkpoints.hpp"
#include "support/catch.hpp"

using namespace moxie;
using test::Parts;
using test::WrittenTensor;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

std::vector<float> floats_of(const WrittenTensor& tensor) {
  std::vector<float> values(tensor.bytes.size() / sizeof(float));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

/// The 16-bit number at `value` or next to it towards 0, by search: shares nothing with the library.
std::uint16_t narrow_by_search(float value, float (*widen)(std::uint16_t)) {
  std::uint16_t low = 0;
  std::uint16_t high = 0x7bff;  // the largest finite half; as bf16 7e35, more than any weight here
  while (low < high) {          // positive numbers ascend with their bits
    const auto middle = static_cast<std::uint16_t>((low + high + 1) / 2);
    if (widen(middle) <= std::fabs(value)) {
      low = middle;
    } else {
      high = static_cast<std::uint16_t>(middle - 1);
    }
  }
  return static_cast<std::uint16_t>(low | (std::signbit(value) ? 0x8000u : 0u));
}

float half_by_definition(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  const double size = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return static_cast<float>((bits & 0x8000) != 0 ? -size : size);
}
float bf16_by_definition(std::uint16_t bits) {
  const int exponent = (bits >> 7) & 255;
  const int mantissa = bits & 127;
  const double size = exponent == 0 ? std::ldexp(mantissa, -133) : std::ldexp(128 + mantissa, exponent - 134);
  return static_cast<float>((bits & 0x8000) != 0 ? -size : size);
}

/// The tensor in 16 bits, and the same numbers in 32.
struct Narrowed {
  WrittenTensor narrow;
  WrittenTensor wide;
};
Narrowed narrowed(const WrittenTensor& tensor, ElementType type) {
  float (*const widen)(std::uint16_t) = type == ElementType::kF16 ? half_by_definition : bf16_by_definition;
  std::vector<std::uint16_t> bits;
  std::vector<float> values;
  for (const float value : floats_of(tensor)) {
    bits.push_back(narrow_by_search(value, widen));
    values.push_back(widen(bits.back()));
  }
  return {{tensor.name, type, tensor.dims, test::as_bytes(bits)},
          {tensor.name, ElementType::kF32, tensor.dims, test::as_bytes(values)}};
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

ModelOptions on(MatmulPath path) {
  ModelOptions options;
  options.backend.matmul = path;
  return options;
}

void poke(WrittenTensor& tensor, std::size_t element, float value) {
  std::memcpy(tensor.bytes.data() + element * sizeof(float), &value, sizeof(value));
}

struct Outcome {
  Status status;
  std::size_t size = 0;  // of the context afterwards
  std::vector<float> logits;
};

/// Requests tokens to a fresh context, one step, and tells everything that came of it.
Outcome feed(const Model& model, std::vector<TokenId> tokens) {
  Kernel kernel = Kernel::create({.memory_bytes = 64 << 20, .executor = ExecutorKind::kSerial}).value();
  Context context = kernel.open(model).value();
  Outcome outcome;
  outcome.logits.resize(tokens.size() * model.config().vocab_size);
  Request request{.context = &context,
                  .tokens = tokens,
                  .want = Logits::kAll,
                  .logits = Rows(outcome.logits.data(), tokens.size(), model.config().vocab_size)};
  REQUIRE(kernel.step({&request, 1}).ok());
  outcome.status = request.status;
  outcome.size = context.size();
  return outcome;
}

}  // namespace

TEST_CASE("the library widens 16-bit numbers as their formats define") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto narrow = static_cast<std::uint16_t>(bits);
    if ((bits & 0x7c00) != 0x7c00) {
      REQUIRE(std::bit_cast<std::uint32_t>(widen_f16(narrow)) ==
              std::bit_cast<std::uint32_t>(half_by_definition(narrow)));
    } else {
      REQUIRE(std::isinf(widen_f16(narrow)) == ((bits & 0x3ff) == 0));
      REQUIRE(std::isnan(widen_f16(narrow)) == ((bits & 0x3ff) != 0));
      REQUIRE(std::signbit(widen_f16(narrow)) == ((bits & 0x8000) != 0));
    }
    if ((bits & 0x7f80) != 0x7f80) {
      REQUIRE(std::bit_cast<std::uint32_t>(widen_bf16(narrow)) ==
              std::bit_cast<std::uint32_t>(bf16_by_definition(narrow)));
    }
  }
}

TEST_CASE("16-bit weights give the logits of the same numbers in 32 bits, bit for bit, on native and reference") {
  for (const std::string folder : {"tiny_tied", "biases", "mlp_only_layers"}) {
    for (const ElementType type : {ElementType::kF16, ElementType::kBF16}) {
      Parts narrow = Parts::of(folder);
      Parts wide = narrow;
      for (std::size_t i = 0; i < narrow.tensors.size(); ++i) {
        Narrowed both = narrowed(narrow.tensors[i], type);
        narrow.tensors[i] = std::move(both.narrow);
        wide.tensors[i] = std::move(both.wide);
      }
      for (const MatmulPath path : {MatmulPath::kNative, MatmulPath::kReference}) {
        INFO(folder << " " << name(type) << " " << name(path));
        const std::vector<float> of_narrow = test::logits(test::load(narrow, on(path)).value()).value();
        CHECK(test::same_bits(of_narrow, test::logits(test::load(wide, on(path)).value()).value()));
        CHECK_FALSE(test::same_bits(of_narrow, std::vector<float>(of_narrow.size(), 0.0f)));
      }
    }
  }
}

TEST_CASE("tensors of three types in one checkpoint give the logits of the same numbers in one") {
  Parts mixed = Parts::of("biases");
  Parts wide = mixed;
  for (std::size_t i = 0; i < mixed.tensors.size(); ++i) {
    const std::string& name = mixed.tensors[i].name;
    if (!contains(name, "norm") && !contains(name, "experts.") && !contains(name, "v_proj.bias")) continue;
    const ElementType type = contains(name, "experts.") ? ElementType::kBF16 : ElementType::kF16;
    Narrowed both = narrowed(mixed.tensors[i], type);
    mixed.tensors[i] = std::move(both.narrow);
    wide.tensors[i] = std::move(both.wide);
  }
  const Model model = test::load(mixed).value();
  CHECK(model.weight_paths().value().size() == 2);  // matrices: f32 and bf16
  CHECK(test::same_bits(test::logits(model).value(), test::logits(test::load(wide).value()).value()));
  CHECK(test::load(mixed, {}).ok());  // and on whatever this machine prefers
}

TEST_CASE("where the data lies in the file changes nothing") {
  Parts parts = Parts::of("biases");
  for (std::size_t i = 0; i < parts.tensors.size(); i += 2) {
    parts.tensors[i] = narrowed(parts.tensors[i], i % 4 == 0 ? ElementType::kF16 : ElementType::kBF16).narrow;
  }
  // An odd tensor in front, so that with every skew some tensor lies on an odd byte.
  parts.tensors.insert(parts.tensors.begin(), {"odd", ElementType::kU8, {3}, std::vector<std::byte>(3)});
  for (const MatmulPath path : {MatmulPath::kAuto, MatmulPath::kNative, MatmulPath::kReference}) {
    const std::vector<float> expected = test::logits(test::load(parts, on(path)).value()).value();
    for (std::size_t skew = 1; skew < 8; ++skew) {
      for (const bool read : {false, true}) {
        INFO(name(path) << ", skew " << skew << ", read " << read);
        ModelOptions options = on(path);
        options.files.read = read;
        CHECK(test::same_bits(test::logits(test::load(parts, options, skew).value()).value(), expected));
      }
    }
  }
}

TEST_CASE("an embedding that is not finite fails the step of its token alone") {
  for (const float value : {kNan, kInf, -kInf}) {
    Parts parts = Parts::of("untied_norm_topk_false");
    const std::vector<float> expected = test::logits(test::load(parts).value()).value();
    poke(parts.tensor("model.embed_tokens.weight"), 7 * 32 + 5, value);  // token 7
    const Model model = test::load(parts).value();
    const Outcome outcome = feed(model, {1, 7, 2});
    INFO(outcome.status.message());
    CHECK(outcome.status.code() == Code::kInvalidArgument);  // the router gets NaN for a logit
    CHECK(outcome.status.where() == "TopK::route");
    CHECK(outcome.size == 0);
    CHECK(test::same_bits(test::logits(model).value(), expected));  // tokens without 7
  }
}

TEST_CASE("a weight that is not finite in front of a router is the router's typed error") {
  for (const std::string tensor : {"model.layers.0.input_layernorm.weight", "model.layers.0.self_attn.v_proj.weight",
                                   "model.layers.0.self_attn.q_norm.weight", "model.layers.0.self_attn.k_proj.weight",
                                   "model.layers.0.self_attn.o_proj.weight", "model.layers.0.mlp.gate.weight",
                                   "model.layers.1.post_attention_layernorm.weight"}) {
    Parts parts = Parts::of("untied_norm_topk_false");
    poke(parts.tensor(tensor), 0, kNan);
    const Outcome outcome = feed(test::load(parts).value(), {1, 2, 3});
    INFO(tensor << ": " << outcome.status.message());
    CHECK(outcome.status.code() == Code::kInvalidArgument);
    CHECK(outcome.status.where() == "TopK::route");
    CHECK(outcome.size == 0);
  }
}

TEST_CASE("a weight that is not finite behind the last router shows as logits that are not finite") {
  for (const float value : {kNan, kInf, -kInf}) {
    Parts parts = Parts::of("untied_norm_topk_false");
    const std::size_t V = 64;
    const std::vector<float> expected = test::logits(test::load(parts).value()).value();
    Parts head = parts;
    poke(head.tensor("lm_head.weight"), 9 * 32 + 4, value);
    const std::vector<float> logits = test::logits(test::load(head).value()).value();
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (i % V == 9) {
        CHECK_FALSE(std::isfinite(logits[i]));
      } else {
        CHECK(logits[i] == expected[i]);  // the other words are as they were
      }
    }
    Parts norm = parts;
    poke(norm.tensor("model.norm.weight"), 0, value);
    const std::vector<float> all = test::logits(test::load(norm).value()).value();
    for (const float logit : all) CHECK_FALSE(std::isfinite(logit));
  }
}

TEST_CASE("a model without any router answers NaN to NaN") {
  Parts parts = Parts::of("mlp_only_layers");
  parts.set("num_hidden_layers", "1");  // the first layer is dense, the other two are not asked for
  poke(parts.tensor("model.layers.0.mlp.down_proj.weight"), 0, kNan);
  const Outcome outcome = feed(test::load(parts).value(), {1, 2, 3});
  CHECK(outcome.status.ok());
  CHECK(outcome.size == 3);
  for (const float logit : outcome.logits) CHECK(std::isnan(logit));
}

TEST_CASE("numbers at the ends of f32 end in an error or in logits, on every path") {
  for (const MatmulPath path : {MatmulPath::kAuto, MatmulPath::kNative, MatmulPath::kReference}) {
    for (const float value : {3e38f, -3e38f, 1e-45f, kNan, kInf}) {
      Parts parts = Parts::of("biases");
      for (WrittenTensor& tensor : parts.tensors) {
        const std::size_t count = tensor.bytes.size() / sizeof(float);
        for (std::size_t i = 0; i < count; ++i) poke(tensor, i, value);
      }
      const Outcome outcome = feed(test::load(parts, on(path)).value(), {0, 63, 31});
      INFO(name(path) << " " << value << ": " << outcome.status.message());
      CHECK((outcome.status.ok() || outcome.status.code() == Code::kInvalidArgument));
      CHECK(outcome.size == (outcome.status.ok() ? 3 : 0));
    }
  }
}
