// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/kernel/sampling.hpp>

#include "gguf_parts.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// tiny_tied with that generation_config.json.
Model with(std::string_view json) {
  static const Parts parts = Parts::of("tiny_tied");
  const TemporaryFolder folder;
  parts.write(folder.path());
  write_file(folder / "generation_config.json", std::string(json));
  return Model::load(folder.path(), native()).value();
}

Model with_key(const std::string& key, const std::string& bytes) {
  static const GgufParts good = GgufParts::of("tiny_tied");
  GgufParts parts = good;
  parts.set(key, bytes);
  return load(parts).value();
}

bool is_plain(const Sampling& s) {
  const Sampling plain;
  return s.temperature == plain.temperature && s.top_k == plain.top_k && s.top_p == plain.top_p &&
         s.min_p == plain.min_p && s.typical_p == plain.typical_p && s.repetition_penalty == plain.repetition_penalty &&
         s.penalty_tokens == plain.penalty_tokens;
}

}  // namespace

TEST_CASE("a checkpoint that recommends nothing is sampled as moxie does it") {
  const Model bare = load(Parts::of("tiny_tied")).value();
  CHECK(bare.recommended_sampling()->empty());
  CHECK(is_plain(sampling_of(*bare.recommended_sampling())));
  const Model gguf = load(GgufParts::of("tiny_tied")).value();
  CHECK(gguf.recommended_sampling()->empty());
  const Model nulls = with(R"({"temperature":null,"top_k":null,"do_sample":null,"num_beams":null})");
  CHECK(nulls.recommended_sampling()->empty());
}

TEST_CASE("generation_config.json of Qwen3-30B-A3B says how it is to be sampled") {
  const Model model = with(R"({"bos_token_id":1,"do_sample":true,"eos_token_id":[2,3],"pad_token_id":1,)"
                           R"("temperature":0.6,"top_k":20,"top_p":0.95,"transformers_version":"4.51.0"})");
  const RecommendedSampling& read = *model.recommended_sampling();
  CHECK(read.do_sample == true);
  CHECK(read.temperature == 0.6);
  CHECK(read.top_k == 20U);
  CHECK(read.top_p == 0.95);
  CHECK_FALSE(read.min_p);
  CHECK(read.unsupported.empty());
  const Sampling sampling = sampling_of(read);
  CHECK(sampling.temperature == 0.6);
  CHECK(sampling.top_k == 20);
  CHECK(sampling.top_p == 0.95);
  CHECK(sampling.repetition_penalty == 1);
  CHECK(Sampler::create(sampling, model.config().vocab_size).ok());
}

TEST_CASE("do_sample decides between greedy and a temperature") {
  const auto of = [](std::string_view json) { return sampling_of(*with(json).recommended_sampling()); };
  const Sampling greedy = of(R"({"do_sample":false,"temperature":0.7,"top_p":0.8,"repetition_penalty":1.05})");
  CHECK(greedy.temperature == 0);
  CHECK(greedy.top_p == 1);
  CHECK(greedy.repetition_penalty == 1.05);  // it is no matter of chance
  CHECK(of(R"({"do_sample":true})").temperature == 1);
  CHECK(of(R"({"temperature":0.7})").temperature == 0.7);
  CHECK(of(R"({"top_k":5})").temperature == 0);
  CHECK(of(R"({"do_sample":true,"top_k":-1})").top_k == 0);
  const Sampling all = of(R"({"do_sample":true,"temperature":2,"top_k":7,"top_p":1,"min_p":0.25,"typical_p":0.5})");
  CHECK(all.temperature == 2);
  CHECK(all.top_k == 7);
  CHECK(all.min_p == 0.25);
  CHECK(all.typical_p == 0.5);
}

TEST_CASE("the metadata of a GGUF file recommends under its own names") {
  GgufParts parts = GgufParts::of("tiny_tied");
  const std::string prefix = "general.sampling.";
  const auto number = [&](const char* key, float value) { parts.set(prefix + key, gguf_f32(prefix + key, value)); };
  const auto whole = [&](const char* key, std::int32_t value) {
    parts.set(prefix + key, gguf_key(prefix + key, GgufValue::kI32, raw(value)));
  };
  number("temp", 0.5f);
  whole("top_k", 40);
  number("top_p", 0.75f);
  number("min_p", 0.125f);
  number("penalty_repeat", 1.25f);
  whole("penalty_last_n", 64);
  whole("mirostat", 0);
  number("xtc_probability", 0.5f);
  parts.set(prefix + "sequence", gguf_string(prefix + "sequence", "temperature;top_k"));
  const Model model = load(parts).value();
  const RecommendedSampling& read = *model.recommended_sampling();
  CHECK_FALSE(read.do_sample);
  CHECK(read.unsupported == std::vector<std::string>{"xtc_probability 0.5", "sequence \"temperature;top_k\""});
  const Sampling sampling = sampling_of(read);
  CHECK(sampling.temperature == 0.5);
  CHECK(sampling.top_k == 40);
  CHECK(sampling.top_p == 0.75);
  CHECK(sampling.min_p == 0.125);
  CHECK(sampling.repetition_penalty == 1.25);
  CHECK(sampling.penalty_tokens == 64);
  whole("penalty_last_n", -1);
  CHECK(sampling_of(*load(parts)->recommended_sampling()).penalty_tokens == SIZE_MAX);
}

TEST_CASE("what moxie does not have is told, and what asks for nothing is not") {
  const Model model =
      with(R"({"num_beams":4,"no_repeat_ngram_size":3,"guidance_scale":1.0,"epsilon_cutoff":0.0,"min_length":0,)"
           R"("eta_cutoff":"x"})");
  CHECK(model.recommended_sampling()->unsupported ==
        std::vector<std::string>{"num_beams 4", "no_repeat_ngram_size 3", "eta_cutoff \"x\""});
}

TEST_CASE("a wrong value of generation_config.json is an error that names it, and the model runs without") {
  struct Case {
    std::string_view field;
    std::string_view named;
  };
  for (const Case& wrong :
       std::vector<Case>{{R"("temperature":-0.5)", "temperature as a number of 0 or more, came -0.5"},
                         {R"("temperature":"0.7")", "temperature as a number of 0 or more, came \"0.7\""},
                         {R"("temperature":true)", "temperature as a number"},
                         {R"("temperature":[0.7])", "temperature as a number"},
                         {R"("temperature":{})", "temperature as a number"},
                         {R"("top_p":0)", "top_p as a number in (0, 1], came 0"},
                         {R"("top_p":1.0000001)", "top_p as a number in (0, 1]"},
                         {R"("top_p":-1e-300)", "top_p as"},
                         {R"("min_p":1.5)", "min_p as a number in [0, 1], came 1.5"},
                         {R"("min_p":-0.1)", "min_p as"},
                         {R"("typical_p":0)", "typical_p as"},
                         {R"("top_k":-2)", "top_k as a whole number in [-1, 2147483647], came -2"},
                         {R"("top_k":2147483648)", "top_k as"},
                         {R"("top_k":18446744073709551615)", "top_k as"},
                         {R"("top_k":20.5)", "top_k as"},
                         {R"("top_k":"20")", "top_k as"},
                         {R"("repetition_penalty":0)", "repetition_penalty as a number above 0, came 0"},
                         {R"("repetition_penalty":-1.1)", "repetition_penalty as"},
                         {R"("do_sample":1)", "do_sample as true or false, came 1"},
                         {R"("do_sample":"yes")", "do_sample as"}}) {
    CAPTURE(std::string(wrong.field));
    const Model model = with(joined({"{", wrong.field, "}"}));
    const Status status = model.recommended_sampling().status();
    CHECK(status.code() == Code::kFormat);
    CHECK(status.message().find("generation_config.json: needed ") != std::string_view::npos);
    CHECK(status.message().find(wrong.named) != std::string_view::npos);
    CHECK(logits(model).ok());
  }
  for (const std::string_view text : {"", "[]", "7", "{", R"({"top_k":1,"top_k":1})", R"({"temperature":NaN})",
                                      R"({"temperature":1e999})", R"({"temperature":Infinity})"}) {
    CAPTURE(std::string(text));
    CHECK(with(text).recommended_sampling().status().code() == Code::kFormat);
  }
  const std::string deep(100'000, '[');
  CHECK(with(deep).recommended_sampling().status().code() == Code::kFormat);
  CHECK_FALSE(with(joined({"{", std::string(2U << 20U, ' '), "}"})).recommended_sampling().ok());
}

TEST_CASE("whatever a key of GGUF holds instead, it is an error that names it, or samples") {
  std::size_t good = 0;
  std::size_t bad = 0;
  for (const char* key : {"temp", "top_k", "top_p", "min_p", "penalty_repeat", "penalty_last_n"}) {
    const std::string full = std::string("general.sampling.") + key;
    for (const float number : {-1.0f, -0.0f, 0.0f, 0.5f, 1.0f, 1.5f, 3e38f, std::nanf(""),
                               std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
      const Result<RecommendedSampling> read = with_key(full, gguf_f32(full, number)).recommended_sampling();
      CAPTURE(full, number);
      if (read.ok()) {
        ++good;
        CHECK(Sampler::create(sampling_of(*read), 100).ok());
      } else {
        ++bad;
        CHECK(read.status().code() == Code::kFormat);
        CHECK(read.status().message().find(joined({"GGUF general.sampling: needed ", key})) == 0);
      }
    }
    for (const std::string& bytes :
         {gguf_string(full, "1"), gguf_key(full, GgufValue::kBool, std::string(1, '\1')),
          gguf_array(full, GgufValue::kF32, 1, raw(0.5f)), gguf_key(full, GgufValue::kI32, raw(INT32_MIN)),
          gguf_key(full, GgufValue::kU64, raw(UINT64_MAX - 1)), gguf_key(full, GgufValue::kI64, raw(INT64_MIN))}) {
      const Result<RecommendedSampling> read = with_key(full, bytes).recommended_sampling();
      if (read.ok()) {
        CHECK(Sampler::create(sampling_of(*read), 100).ok());  // a large whole number is a number
      } else {
        CHECK(read.status().code() == Code::kFormat);
      }
    }
  }
  CHECK(good > 12);
  CHECK(bad > 30);
}
