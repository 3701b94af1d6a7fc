// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include <moxie/backend/quant.hpp>
#include <moxie/format/checkpoint.hpp>
#include <moxie/model/gguf_file_type.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "synth_blocks.hpp"
#include "synth_tokenizer.hpp"

using namespace moxie;
using moxie::program::RandomBlocks;

namespace {

constexpr std::size_t kRows = 64;
constexpr std::size_t kWidth = 1024;

std::vector<std::byte> made(const RandomBlocks& blocks, ElementType type, std::size_t rows_at_once) {
  const std::size_t row = kWidth / traits(type).block_elements * size_of(type);
  std::vector<std::byte> bytes(kRows * row);
  for (std::size_t first = 0; first < kRows; first += rows_at_once) {
    const std::size_t count = std::min(rows_at_once, kRows - first);
    REQUIRE(blocks.fill(first, std::span(bytes).subspan(first * row, count * row)).ok());
  }
  return bytes;
}

}  // namespace

TEST_CASE("random blocks have the mean and the spread that are asked for, and no row is another's") {
  for (const ElementType type :
       {ElementType::kQ4_K, ElementType::kQ5_K, ElementType::kQ6_K, ElementType::kQ8_0, ElementType::kQ5_0,
        ElementType::kQ5_1, ElementType::kQ4_0, ElementType::kF16, ElementType::kBF16, ElementType::kF32}) {
    for (const double spread : {1.0, 0.02}) {
      INFO(name(type) << ", spread " << spread);
      const std::vector<std::byte> bytes = made(RandomBlocks(7, 3, type, kWidth, spread), type, kRows);
      std::vector<float> values(kRows * kWidth);
      REQUIRE(dequantize(type, bytes, values).ok());
      double sum = 0;
      double squares = 0;
      for (const float value : values) {
        REQUIRE(std::isfinite(value));
        sum += double(value);
        squares += double(value) * double(value);
      }
      const double mean = sum / double(values.size());
      CHECK(std::abs(mean) < 0.03 * spread);
      CHECK(std::abs(std::sqrt(squares / double(values.size())) / spread - 1) < 0.05);
      std::set<std::vector<float>> rows;
      for (std::size_t row = 0; row < kRows; ++row) {
        rows.emplace(values.begin() + std::ptrdiff_t(row * kWidth),
                     values.begin() + std::ptrdiff_t((row + 1) * kWidth));
      }
      CHECK(rows.size() == kRows);
    }
  }
}

TEST_CASE("random blocks do not depend on how they are cut, but on seed and tensor") {
  for (const ElementType type : {ElementType::kQ4_K, ElementType::kQ8_0, ElementType::kF32}) {
    const std::vector<std::byte> whole = made(RandomBlocks(7, 3, type, kWidth, 1), type, kRows);
    CHECK(made(RandomBlocks(7, 3, type, kWidth, 1), type, 1) == whole);
    CHECK(made(RandomBlocks(7, 3, type, kWidth, 1), type, 7) == whole);
    CHECK(made(RandomBlocks(8, 3, type, kWidth, 1), type, kRows) != whole);
    CHECK(made(RandomBlocks(7, 4, type, kWidth, 1), type, kRows) != whole);
  }
  std::vector<std::byte> block(84);
  CHECK(RandomBlocks(0, 0, ElementType::kQ2_K, 256, 1).fill(0, block).code() == Code::kUnsupported);
}

TEST_CASE("a synthetic vocabulary has exactly its size, and every merge makes a token of two earlier ones") {
  for (const std::size_t size : {std::size_t{259}, std::size_t{260}, std::size_t{1000}, std::size_t{50'000}}) {
    GgufWriter writer;
    REQUIRE(program::set_synthetic_tokenizer(writer, size).ok());
    const test::TemporaryFolder folder;
    REQUIRE(writer.write(folder / "m.gguf").ok());
    const Checkpoint checkpoint = Checkpoint::open(folder / "m.gguf").value();
    const Metadata metadata = checkpoint.metadata();
    const MetadataValue tokens = metadata.find("tokenizer.ggml.tokens");
    REQUIRE(tokens.size() == size);
    CHECK(metadata.find("tokenizer.ggml.token_type").size() == size);
    std::set<std::string_view> known;
    for (std::size_t i = 0; i < 256; ++i) known.insert(*tokens[i].as_string());
    CHECK(known.size() == 256);
    const MetadataValue merges = metadata.find("tokenizer.ggml.merges");
    REQUIRE(merges.size() == size - 259);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < merges.size(); ++i) {
      const std::string merge(*merges[i].as_string());
      const std::size_t space = merge.find(' ');
      const std::string left = merge.substr(0, space);
      const std::string right = merge.substr(space + 1);
      const std::string_view token = *tokens[256 + i].as_string();
      if (known.count(left) == 0 || known.count(right) == 0 || left + right != token) ++wrong;
      if (!known.insert(token).second) ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(tokens[size - 3].as_string() == "<|endoftext|>");
    CHECK(metadata.find("tokenizer.ggml.eos_token_id").as_u64() == size - 1);
  }
  GgufWriter writer;
  CHECK(program::set_synthetic_tokenizer(writer, 258).code() == Code::kInvalidArgument);
}

TEST_CASE("every type that a mix may ask for is one that can be made") {
  for (const char* name : {"q4_k_m", "q8_0", "q4_0", "f16", "bf16", "f32"}) {
    const GgufFileType mix = parse_gguf_file_type(name).value();
    for (const std::uint64_t width : {8U, 32U, 96U, 256U, 768U}) {
      for (const std::size_t experts : {std::size_t{1}, std::size_t{8}, std::size_t{128}}) {
        for (const char* part : {"token_embd", "output", "blk.0.attn_k", "blk.0.attn_v", "blk.0.attn_output",
                                 "blk.0.ffn_down_exps", "blk.1.ffn_down_exps", "blk.1.ffn_up_exps"}) {
          const ElementType type = gguf_tensor_type(mix, {.tensor = std::string(part) + ".weight",
                                                          .rank = std::string_view(part).ends_with("exps") ? 3U : 2U,
                                                          .innermost = width,
                                                          .n_layers = 2,
                                                          .n_experts = experts});
          CAPTURE(name, width, experts, part, moxie::name(type));
          std::vector<std::byte> row(width / traits(type).block_elements * size_of(type));
          CHECK(RandomBlocks(0, 0, type, width, 1).fill(0, row).ok());
        }
      }
    }
  }
}
