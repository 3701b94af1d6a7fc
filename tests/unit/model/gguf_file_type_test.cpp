// SPDX-License-Identifier: Apache-2.0
// The mixes, against what llama.cpp's quantizer chose for files of these shapes.
#include <set>
#include <string>
#include <vector>

#include <moxie/model/gguf_file_type.hpp>

#include "support/catch.hpp"

using namespace moxie;

namespace {

ElementType type_of(GgufFileType file, std::string_view tensor, std::uint64_t innermost = 2048, std::size_t rank = 2,
                    std::size_t n_layers = 48, std::size_t n_experts = 128, bool tied = false) {
  return gguf_tensor_type(file, {.tensor = tensor,
                                 .rank = rank,
                                 .innermost = innermost,
                                 .n_layers = n_layers,
                                 .n_experts = n_experts,
                                 .tied = tied});
}

}  // namespace

TEST_CASE("names and numbers of file types belong together") {
  std::set<std::string_view> names;
  for (const GgufFileTypeName& each : gguf_file_types()) {
    CHECK(names.insert(each.name).second);
    CHECK(name(each.type) == each.name);
    CHECK(parse_gguf_file_type(each.name).value() == each.type);
  }
  CHECK(names.size() == 12);
  CHECK(parse_gguf_file_type("q4_k_m").value() == GgufFileType::kQ4_K_M);
  CHECK(parse_gguf_file_type("Q4_K_M").status().code() == Code::kInvalidArgument);
  CHECK(parse_gguf_file_type("").status().code() == Code::kInvalidArgument);
}

TEST_CASE("norms and routers stay f32 in every file") {
  for (const GgufFileTypeName& each : gguf_file_types()) {
    CHECK(type_of(each.type, "blk.3.attn_norm.weight", 2048, 1) == ElementType::kF32);
    CHECK(type_of(each.type, "output_norm.weight", 2048, 1) == ElementType::kF32);
    CHECK(type_of(each.type, "blk.3.ffn_gate_inp.weight") == ElementType::kF32);
    CHECK(type_of(each.type, "blk.3.ffn_up_exps.bias") == ElementType::kF32);
  }
}

TEST_CASE("float files store every matrix alike") {
  for (const char* tensor :
       {"token_embd.weight", "output.weight", "blk.0.attn_v.weight", "blk.0.ffn_down_exps.weight"}) {
    CHECK(type_of(GgufFileType::kF32, tensor, 7) == ElementType::kF32);
    CHECK(type_of(GgufFileType::kF16, tensor, 7) == ElementType::kF16);
    CHECK(type_of(GgufFileType::kBF16, tensor, 7) == ElementType::kBF16);
  }
}

TEST_CASE("q4_k_m gives more bits to the head and to half of the values and downs") {
  // Of 48 layers: 0 to 5, then every third from 8 on, then 42 to 47.
  const std::set<std::size_t> more = {0,  1,  2,  3,  4,  5,  8,  11, 14, 17, 20, 23,
                                      26, 29, 32, 35, 38, 41, 42, 43, 44, 45, 46, 47};
  for (std::size_t layer = 0; layer < 48; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    const ElementType expected = more.count(layer) != 0 ? ElementType::kQ6_K : ElementType::kQ4_K;
    INFO(layer);
    CHECK(type_of(GgufFileType::kQ4_K_M, block + "attn_v.weight") == expected);
    CHECK(type_of(GgufFileType::kQ4_K_M, block + "ffn_down_exps.weight", 768, 3) == expected);
    for (const char* part : {"attn_q", "attn_k", "attn_output", "ffn_gate_exps", "ffn_up_exps"}) {
      CHECK(type_of(GgufFileType::kQ4_K_M, block + part + ".weight") == ElementType::kQ4_K);
    }
  }
  CHECK(type_of(GgufFileType::kQ4_K_M, "token_embd.weight") == ElementType::kQ4_K);
  CHECK(type_of(GgufFileType::kQ4_K_M, "output.weight") == ElementType::kQ6_K);
  CHECK(type_of(GgufFileType::kQ4_K_M, "token_embd.weight", 2048, 2, 48, 128, true) == ElementType::kQ6_K);
  // llama-quantize on two layers of these widths
  CHECK(type_of(GgufFileType::kQ4_K_M, "blk.0.attn_v.weight", 2048, 2, 2) == ElementType::kQ4_K);
  CHECK(type_of(GgufFileType::kQ4_K_M, "blk.1.attn_v.weight", 2048, 2, 2) == ElementType::kQ6_K);
}

TEST_CASE("of eight experts, attention has more bits") {
  CHECK(type_of(GgufFileType::kQ4_K_M, "blk.7.attn_k.weight", 2048, 2, 32, 8) == ElementType::kQ8_0);
  CHECK(type_of(GgufFileType::kQ4_K_M, "blk.7.attn_v.weight", 2048, 2, 32, 8) == ElementType::kQ8_0);
  CHECK(type_of(GgufFileType::kQ4_K_M, "blk.7.attn_output.weight", 2048, 2, 32, 8) == ElementType::kQ5_K);
  CHECK(type_of(GgufFileType::kQ4_K_M, "blk.7.attn_q.weight", 2048, 2, 32, 8) == ElementType::kQ4_K);
}

TEST_CASE("mxfp4 is for experts, and q8_0 for the rest") {
  for (const char* part : {"ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"}) {
    CHECK(type_of(GgufFileType::kMXFP4, "blk.0." + std::string(part) + ".weight", 768, 3) == ElementType::kMXFP4);
  }
  for (const char* tensor : {"token_embd.weight", "output.weight", "blk.0.attn_v.weight", "blk.1.ffn_down.weight"}) {
    CHECK(type_of(GgufFileType::kMXFP4, tensor) == ElementType::kQ8_0);
  }
  CHECK(type_of(GgufFileType::kMXFP4, "blk.0.ffn_up_exps.weight", 40, 3) == ElementType::kF16);
}

TEST_CASE("the flat types store the head in six bits, and q8_0 in eight") {
  CHECK(type_of(GgufFileType::kQ4_0, "blk.0.ffn_down_exps.weight", 768, 3) == ElementType::kQ4_0);
  CHECK(type_of(GgufFileType::kQ4_0, "output.weight") == ElementType::kQ6_K);
  CHECK(type_of(GgufFileType::kQ8_0, "output.weight") == ElementType::kQ8_0);
  CHECK(type_of(GgufFileType::kQ8_0, "token_embd.weight") == ElementType::kQ8_0);
}

TEST_CASE("where rows do not come in blocks, smaller ones are taken, and half floats at last") {
  CHECK(type_of(GgufFileType::kQ4_K_M, "blk.20.attn_q.weight", 96) == ElementType::kQ5_0);
  CHECK(type_of(GgufFileType::kQ5_K_M, "blk.20.attn_q.weight", 96) == ElementType::kQ5_1);
  CHECK(type_of(GgufFileType::kQ6_K, "blk.20.attn_q.weight", 96) == ElementType::kQ8_0);
  CHECK(type_of(GgufFileType::kQ4_K_M, "output.weight", 96) == ElementType::kQ8_0);
  for (const GgufFileTypeName& each : gguf_file_types()) {
    const ElementType type = type_of(each.type, "blk.20.attn_q.weight", 40);
    CHECK(traits(type).block_elements == 1);
    if (each.type != GgufFileType::kF32 && each.type != GgufFileType::kBF16) CHECK(type == ElementType::kF16);
  }
}
