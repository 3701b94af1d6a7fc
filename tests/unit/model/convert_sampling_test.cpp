// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/kernel/sampling.hpp>
#include <moxie/model/convert.hpp>

#include "gguf_parts.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// tiny_tied with a generation_config.json, and the file that is made of it.
struct Both {
  explicit Both(std::string_view json) {
    static const Parts parts = Parts::of("tiny_tied");
    parts.write(folder.path());
    write_file(folder / "generation_config.json", std::string(json));
    status = convert_to_gguf(
        folder.path(), folder / "m.gguf",
        {.type = GgufFileType::kF32,
         .executor = nullptr,
         .callbacks = {.on_log = [this](auto, auto line) { lines.emplace_back(line); }, .on_progress = {}}});
  }
  [[nodiscard]] Sampling of_folder() const {
    return sampling_of(*Model::load(folder.path(), native()).value().recommended_sampling());
  }
  [[nodiscard]] RecommendedSampling in_gguf() const {
    return *Model::load(folder / "m.gguf", native()).value().recommended_sampling();
  }

  TemporaryFolder folder;
  std::vector<std::string> lines;
  Status status;
};

/// As GGUF keeps it.
double f32(double x) { return static_cast<double>(static_cast<float>(x)); }

}  // namespace

TEST_CASE("a converted file recommends the sampling that its folder does") {
  for (const std::string_view json : {
           R"({"do_sample":true,"temperature":0.6,"top_k":20,"top_p":0.95})",
           R"({"do_sample":true})",
           R"({"do_sample":true,"top_k":-1,"min_p":0.05,"repetition_penalty":1.05})",
           R"({"do_sample":false,"temperature":0.6,"top_k":20,"top_p":0.95,"typical_p":0.5})",
           R"({"do_sample":false,"repetition_penalty":1.3})",
           R"({"temperature":0,"top_p":0.5})",
           R"({"temperature":1.5,"top_k":0})",
           R"({"top_k":50})",
           R"({})",
       }) {
    INFO(json);
    const Both both(json);
    REQUIRE(both.status.ok());
    CHECK(both.lines.empty());
    const Sampling expected = both.of_folder();
    const Sampling sampling = sampling_of(both.in_gguf());
    CHECK(sampling.temperature == f32(expected.temperature));
    CHECK(sampling.repetition_penalty == f32(expected.repetition_penalty));
    CHECK(sampling.penalty_tokens == expected.penalty_tokens);
    if (expected.temperature == 0) continue;  // nothing is drawn
    CHECK(sampling.top_k == expected.top_k);
    CHECK(sampling.top_p == f32(expected.top_p));
    CHECK(sampling.min_p == f32(expected.min_p));
  }
}

TEST_CASE("greedy is a temperature of 0, which llama.cpp takes for it too") {
  const Both both(R"({"do_sample":false,"temperature":0.6,"top_k":20})");
  REQUIRE(both.status.ok());
  CHECK(both.in_gguf().temperature == 0.0);
  CHECK_FALSE(both.in_gguf().top_k.has_value());
}

TEST_CASE("a repetition penalty of transformers counts the whole context") {
  const Both both(R"({"do_sample":true,"repetition_penalty":1.25})");
  REQUIRE(both.status.ok());
  CHECK(both.in_gguf().penalty_tokens == SIZE_MAX);  // -1 in the file; llama.cpp would take 64
}

TEST_CASE("what GGUF has no key for is named when it is left out") {
  const Both both(R"({"do_sample":true,"typical_p":0.9,"num_beams":4,"top_p":0.8})");
  REQUIRE(both.status.ok());
  REQUIRE(both.lines.size() == 2);
  CHECK(both.lines[0] == "GGUF has no key for typical_p 0.9 of generation_config.json: it is left out");
  CHECK(both.lines[1] == "GGUF has no key for num_beams 4 of generation_config.json: it is left out");
  CHECK(both.in_gguf().top_p == f32(0.8));
}

TEST_CASE("a folder without generation_config.json makes a file without general.sampling") {
  const TemporaryFolder folder;
  REQUIRE(convert_to_gguf(data_folder("tiny_tied"), folder / "m.gguf").ok());
  CHECK(Model::load(folder / "m.gguf", native()).value().recommended_sampling()->empty());
}

TEST_CASE("a generation_config.json that is wrong, or that f32 cannot say, makes no file") {
  for (const std::string_view json : {R"({"top_p":2})", R"({"temperature":"warm"})", "[]", "{"}) {
    INFO(json);
    CHECK(Both(json).status.code() == Code::kFormat);
  }
  for (const std::string_view json : {R"({"temperature":1e300})", R"({"temperature":1,"top_p":1e-60})"}) {
    INFO(json);
    const Both both(json);
    CHECK(both.status.code() == Code::kUnsupported);
    CHECK_FALSE(Checkpoint::open(both.folder / "m.gguf").ok());
  }
}
