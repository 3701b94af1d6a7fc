// SPDX-License-Identifier: Apache-2.0
#include "model/load/config.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/checked.hpp>

#include "config_fields.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

TEST_CASE("the published configuration of Qwen3-30B-A3B is read as it is meant") {
  const ModelConfig config = read(published()).value();
  CHECK(config.model_type == "qwen3_moe");
  CHECK(config.hidden_size == 2048);
  CHECK(config.num_hidden_layers == 48);
  CHECK(config.num_attention_heads == 32);
  CHECK(config.num_key_value_heads == 4);
  CHECK(config.head_dim == 128);
  CHECK(config.vocab_size == 151936);
  CHECK(config.max_position_embeddings == 40960);
  CHECK(config.intermediate_size == 0);  // 6144 in the file, but no layer is dense
  CHECK(config.moe_intermediate_size == 768);
  CHECK(config.num_experts == 128);
  CHECK(config.num_experts_per_tok == 8);
  CHECK(config.norm_topk_prob);
  CHECK_FALSE(config.attention_bias);
  CHECK_FALSE(config.tie_word_embeddings);
  CHECK(config.rms_norm_eps == 1e-6);
  CHECK(config.rope_theta == 1e6);
  CHECK(config.moe_layers == std::vector<bool>(48, true));
}

TEST_CASE("the release of July 2025 differs in rope and length") {
  const ModelConfig config = read(changed({{"rope_theta", "10000000"}, {"max_position_embeddings", "262144"}})).value();
  CHECK(config.rope_theta == 1e7);
  CHECK(config.max_position_embeddings == 262144);
}

TEST_CASE("a field that must be a whole number is refused as anything else") {
  for (const std::string key :
       {"hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "max_position_embeddings",
        "num_experts", "num_experts_per_tok", "moe_intermediate_size"}) {
    check_each(key, kMissing, Code::kFormat);
    check_each(key, kNoNumber, Code::kFormat);
    check_each(key, kNotWhole, Code::kFormat);
  }
}

TEST_CASE("the inner width of dense layers matters only where a layer is dense") {
  const Changes dense = {{"mlp_only_layers", "[3]"}};
  check_each("intermediate_size", kMissing, Code::kFormat, dense);
  check_each("intermediate_size", kNoNumber, Code::kFormat, dense);
  check_each("intermediate_size", kNotWhole, Code::kFormat, dense);
  CHECK(read(changed(dense)).value().intermediate_size == 6144);
  CHECK(read(changed({{"intermediate_size", std::nullopt}})).value().intermediate_size == 0);
}

TEST_CASE("what experts need matters only where a layer has experts") {
  const Changes dense = {{"decoder_sparse_step", "49"},
                         {"num_experts", std::nullopt},
                         {"num_experts_per_tok", std::nullopt},
                         {"moe_intermediate_size", std::nullopt}};
  const ModelConfig config = read(changed(dense)).value();
  CHECK(config.moe_layers == std::vector<bool>(48, false));
  CHECK(config.num_experts == 0);
}

TEST_CASE("a whole number that may be left out has its default, and is refused where it is wrong") {
  for (const std::string key : {"num_key_value_heads", "head_dim", "decoder_sparse_step"}) {
    check_each(key, kNoNumber, Code::kFormat);
    check_each(key, kNotWhole, Code::kFormat);
    for (const std::optional<std::string>& absent :
         {std::optional<std::string>(), std::optional<std::string>("null")}) {
      const ModelConfig config = read(changed({{key, absent}})).value();
      CHECK(config.num_key_value_heads == (key == "num_key_value_heads" ? 32 : 4));
      CHECK(config.head_dim == (key == "head_dim" ? 64 : 128));  // 2048 / 32
      CHECK(config.moe_layers == std::vector<bool>(48, true));
    }
  }
}

TEST_CASE("a flag is true, false or left out") {
  const std::vector<Wrong> wrong = {
      {R"("true")", R"("true")"}, {"0", "0"}, {"1", "1"}, {"-1", "-1"}, {"0.5", "0.5"}, {"[true]", "an array of 1"},
      {"{}", "an object of 0"}};
  for (const std::string key : {"norm_topk_prob", "attention_bias", "tie_word_embeddings", "use_sliding_window"}) {
    check_each(key, wrong, Code::kFormat);
    for (const std::optional<std::string>& absent :
         {std::optional<std::string>(), std::optional<std::string>("null")}) {
      const ModelConfig config = read(changed({{key, absent}})).value();
      CHECK(config.norm_topk_prob == (key != "norm_topk_prob"));
      CHECK_FALSE(config.attention_bias);
      CHECK_FALSE(config.tie_word_embeddings);
    }
  }
  CHECK(read(changed({{"attention_bias", "true"}})).value().attention_bias);
  CHECK(read(changed({{"tie_word_embeddings", "true"}})).value().tie_word_embeddings);
}

TEST_CASE("an epsilon or a theta is a number that the arithmetic can carry") {
  for (const std::string key : {"rms_norm_eps", "rope_theta"}) {
    check_each(key, kMissing, Code::kFormat);
    check_each(key, kNoNumber, Code::kFormat);
    check_each(key, {{"0", "0"}, {"0.0", "0"}, {"-1e-6", "-1e-06"}, {"-1", "-1"}}, Code::kFormat);
    // No double, so no JSON for us: the text of the number is all that the message has.
    check_refused({{key, "1e400"}}, Code::kFormat, "numbers that a double can hold", "1e400");
  }
  // As floats these are 0 and infinity: a row of zeros would become NaN, and every row 0.
  check_each("rms_norm_eps", {{"1e-60", "1e-60"}, {"1e300", "1e+300"}}, Code::kFormat);
  // Below 1 the frequencies rise, and at the end of the doubles they are infinite.
  check_each("rope_theta", {{"5e-324", "5e-324"}, {"1e-300", "1e-300"}, {"0.99", "0.99"}}, Code::kFormat);
  CHECK(read(changed({{"rope_theta", "1"}})).value().rope_theta == 1.0);
  CHECK(read(changed({{"rms_norm_eps", "1"}})).value().rms_norm_eps == 1.0);
}

TEST_CASE("another model, activation or quantization is named as what is not supported") {
  for (const auto& [value, came] : std::vector<Wrong>{{R"("gemma")", R"("gemma")"},
                                                      {R"("deepseek_v4")", R"("deepseek_v4")"},
                                                      {R"("QWEN3_MOE")", R"("QWEN3_MOE")"},
                                                      {R"("")", R"("")"},
                                                      {"3", "3"},
                                                      {R"(["qwen3_moe"])", "an array of 1"},
                                                      {"null", "null"},
                                                      {"", "nothing"}}) {
    check_each("model_type", {{value, came}}, Code::kUnsupported);
  }
  check_each("hidden_act", {{R"("gelu")", R"("gelu")"}, {"null", "null"}, {"1", "1"}}, Code::kUnsupported);
  CHECK(read(changed({{"hidden_act", std::nullopt}})).ok());  // silu is the family's default
  check_each("quantization_config",
             {{R"({"quant_method": "gptq", "bits": 4})", R"("gptq")"},
              {"{}", "an object of 0"},
              {"[]", "an array of 0"},
              {"false", "false"},
              {R"("fp8")", R"("fp8")"}},
             Code::kUnsupported);
  CHECK(read(changed({{"quantization_config", "null"}})).ok());
}

TEST_CASE("experts are counted under either name") {
  const Changes renamed = {{"num_experts", std::nullopt}, {"num_local_experts", "64"}};
  CHECK(read(changed(renamed)).value().num_experts == 64);
  CHECK(read(changed({{"num_experts", "null"}, {"num_local_experts", "64"}})).value().num_experts == 64);
  CHECK(read(changed({{"num_local_experts", "128"}})).value().num_experts == 128);
  CHECK(read(changed({{"num_local_experts", "null"}})).value().num_experts == 128);
  check_each("num_local_experts", kNoNumber, Code::kFormat, {{"num_experts", std::nullopt}});
  check_each("num_local_experts", kNotWhole, Code::kFormat, {{"num_experts", std::nullopt}});
  check_refused({{"num_local_experts", "64"}}, Code::kFormat, "num_local_experts", "64");
}

TEST_CASE("no token goes to more experts than there are") {
  CHECK(read(changed({{"num_experts_per_tok", "128"}})).value().num_experts_per_tok == 128);
  check_refused({{"num_experts_per_tok", "129"}}, Code::kFormat, "num_experts_per_tok as a whole number in [1, 128]",
                "129");
}

TEST_CASE("heads that do not fit together are refused") {
  check_refused({{"num_key_value_heads", "5"}}, Code::kFormat, "multiple of num_key_value_heads 5", "32");
  check_refused({{"num_key_value_heads", "33"}}, Code::kFormat, "num_key_value_heads as a whole number in [1, 32]",
                "33");
  check_refused({{"head_dim", "127"}}, Code::kFormat, "even head_dim", "127");
  check_refused({{"head_dim", "1"}}, Code::kFormat, "head_dim", "1");
  // Left out, it follows from the others, and they may not allow one.
  check_refused({{"head_dim", std::nullopt}, {"hidden_size", "96"}}, Code::kFormat, "even head_dim", "3");
  check_refused({{"head_dim", std::nullopt}, {"hidden_size", "16"}}, Code::kFormat, "even head_dim", "0");
  CHECK(read(changed({{"num_key_value_heads", "32"}})).value().num_key_value_heads == 32);
  CHECK(read(changed({{"num_key_value_heads", "1"}})).value().num_key_value_heads == 1);
}

TEST_CASE("layers without experts are those that the file names") {
  const auto layers = [](const char* step, const char* dense) {
    return read(changed({{"num_hidden_layers", "4"}, {"decoder_sparse_step", step}, {"mlp_only_layers", dense}}))
        .value()
        .moe_layers;
  };
  CHECK(layers("1", "[]") == std::vector<bool>{true, true, true, true});
  CHECK(layers("2", "[]") == std::vector<bool>{false, true, false, true});
  CHECK(layers("3", "null") == std::vector<bool>{false, false, true, false});
  CHECK(layers("1", "[0, 3]") == std::vector<bool>{false, true, true, false});
  CHECK(layers("2", "[1, 1, 0]") == std::vector<bool>{false, false, false, true});
  for (const Wrong& wrong : std::vector<Wrong>{{"[48]", "48"},
                                               {"[0, 18446744073709551615]", "18446744073709551615"},
                                               {"[18446744073709551616]", "18446744073709551616"},
                                               {"[-1]", "-1"},
                                               {"[1.5]", "1.5"},
                                               {R"(["0"])", R"("0")"},
                                               {"[null]", "null"},
                                               {"[[0]]", "an array of 1"},
                                               {"0", "0"},
                                               {"{}", "an object of 0"},
                                               {R"({"0": 1})", "an object of 1"},
                                               {R"("0")", R"("0")"},
                                               {"true", "true"}}) {
    check_refused({{"mlp_only_layers", wrong.value}}, Code::kFormat, "mlp_only_layers", wrong.came);
  }
}

TEST_CASE("sizes at their limits are read without overflow, and one more is refused") {
  const Changes limits = {{"hidden_size", "1048576"},
                          {"num_hidden_layers", "4096"},
                          {"num_attention_heads", "131072"},
                          {"num_key_value_heads", "131072"},
                          {"head_dim", "128"},
                          {"vocab_size", "16777216"},
                          {"num_experts", "1048576"},
                          {"num_experts_per_tok", "1048576"},
                          {"moe_intermediate_size", "1048576"},
                          {"intermediate_size", "1048576"},
                          {"mlp_only_layers", "[0]"},
                          {"max_position_embeddings", "2147483647"}};
  const ModelConfig config = read(changed(limits)).value();
  const auto product = [](auto... sizes) { return checked::multiply(static_cast<std::uint64_t>(sizes)...); };
  // The largest matrices in f32, and the keys and values of one page of 32 positions.
  CHECK(product(config.vocab_size, config.hidden_size, 4));
  CHECK(product(config.num_attention_heads, config.head_dim, config.hidden_size, 4));
  CHECK(product(config.num_hidden_layers, config.num_key_value_heads, 2 * config.head_dim, 32, 4));
  CHECK(config.moe_layers.size() == 4096);
  for (const auto& [key, most] : limits) {
    if (key == "mlp_only_layers") continue;
    Changes over = limits;
    over.emplace_back(key, std::to_string(std::stoull(*most) + 2));
    INFO(key);
    const auto refused = read(changed(over));
    REQUIRE(!refused.ok());
    INFO(refused.status().message());
    CHECK(refused.status().code() == Code::kFormat);
  }
  check_refused({{"num_attention_heads", "131072"}, {"head_dim", "130"}}, Code::kFormat,
                "num_attention_heads * head_dim at most 16777216", "131072 * 130");
}

TEST_CASE("what is no object of fields is refused") {
  for (const std::string text : {"[]", "5", "null", R"("qwen3_moe")", R"([{"model_type": "qwen3_moe"}])", "{}"}) {
    INFO(text);
    const auto config = model::read_config(text);
    REQUIRE(!config.ok());
    CHECK(config.status().code() == Code::kUnsupported);
    CHECK(contains(config.status().needed(), "model_type"));
  }
  std::string twice = config_text(published());
  twice.insert(1, R"("hidden_size": 1024, )");
  for (const std::string& text : {std::string(), std::string("{"), config_text(published()) + "}", twice}) {
    INFO(text);
    const auto config = model::read_config(text);
    REQUIRE(!config.ok());
    CHECK(config.status().code() == Code::kFormat);
    CHECK(config.status().where() == "config.json");
  }
}

TEST_CASE("an error stays one short printable line whatever the field holds") {
  const std::string noise(60000, 'x');
  for (const std::string key : {"model_type", "hidden_act", "hidden_size", "rope_theta", "num_local_experts"}) {
    const auto config = read(changed({{"num_experts", std::nullopt}, {key, "\"a\\n\\u0000" + noise + "\""}}));
    REQUIRE(!config.ok());
    const std::string_view message = config.status().message();
    CHECK(message.size() < 1000);
    CHECK(message.find_first_of(std::string_view("\n\0", 2)) == std::string_view::npos);
  }
}
