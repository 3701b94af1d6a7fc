// SPDX-License-Identifier: Apache-2.0
// Weights of gpt-oss in the form of the published files, MXFP4 in two tensors, beside the same as floats.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <moxie/backend/quant.hpp>
#include <moxie/model/convert.hpp>

#include "converted.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

const std::string kExperts = "model.layers.1.mlp.experts.";

std::vector<float> widened(const Tensor& tensor) {
  std::vector<float> values(tensor.bytes.size() / size_of(tensor.type) * traits(tensor.type).block_elements);
  REQUIRE(dequantize(tensor.type, tensor.bytes, values).ok());
  return values;
}

}  // namespace

TEST_CASE("blocks and scales are the floats that transformers makes of them, gate and up in turn") {
  const TemporaryFolder folder;
  for (const GgufFileType type : {GgufFileType::kF32, GgufFileType::kF16, GgufFileType::kMXFP4}) {
    REQUIRE(convert("gpt_oss_mxfp4", folder / "m.gguf", type).ok());
    const Checkpoint made = Checkpoint::open(folder / "m.gguf").value();
    const Checkpoint floats = Checkpoint::open(data_folder("gpt_oss")).value();
    const std::vector<float> gate_up = widened(floats.find(kExperts + "gate_up_proj").value());
    const std::vector<float> down = widened(floats.find(kExperts + "down_proj").value());
    const std::size_t N = 8, D = 32, H = 32;
    std::size_t wrong = 0;
    for (const auto& [name, from, rows, step, offset] :
         {std::tuple("ffn_gate_exps", &gate_up, H, std::size_t{2}, std::size_t{0}),
          std::tuple("ffn_up_exps", &gate_up, H, std::size_t{2}, std::size_t{1}),
          std::tuple("ffn_down_exps", &down, D, std::size_t{1}, std::size_t{0})}) {
      const Tensor tensor = made.find(std::string("blk.1.") + name + ".weight").value();
      CHECK(tensor.type == ElementType::kMXFP4);  // what is quantized stays so
      const std::vector<float> values = widened(tensor);
      const std::size_t in = values.size() / N / rows;
      for (std::size_t i = 0; i < values.size(); ++i) {
        const std::size_t e = i / in / rows, row = i / in % rows, k = i % in;
        wrong += values[i] == (*from)[(e * in + k) * rows * step + row * step + offset] ? 0u : 1u;
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("mxfp4 weights give logits within the rounding of activations of those in f32, and its own bits from GGUF") {
  const Model exact = Model::load(data_folder("gpt_oss"), native()).value();
  const Model quantized = Model::load(data_folder("gpt_oss_mxfp4"), native()).value();
  const std::vector<float> a = logits(exact).value();
  const std::vector<float> b = logits(quantized).value();
  float largest = 0, off = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::fabs(a[i]));
    off = std::max(off, std::fabs(a[i] - b[i]));
  }
  CHECK(off > 0);
  CHECK(off < 0.05f * largest);  // activations have 7 bits and a sign
  // From floats of the same values, `mxfp4` finds the very blocks: all other tensors are q8_0 in both.
  const TemporaryFolder folder;
  REQUIRE(convert("gpt_oss", folder / "a.gguf", GgufFileType::kMXFP4).ok());
  REQUIRE(convert("gpt_oss_mxfp4", folder / "b.gguf", GgufFileType::kMXFP4).ok());
  const Model from_floats = Model::load(folder / "a.gguf", native()).value();
  const Model from_blocks = Model::load(folder / "b.gguf", native()).value();
  CHECK(same_bits(logits(from_floats).value(), logits(from_blocks).value()));
}

TEST_CASE("stacked experts of another shape or kind are refused by their name") {
  const auto refuses = [](const Parts& parts, Code code, std::string_view culprit) {
    const Status status = load(parts).status();
    INFO(culprit << ": " << status.message());
    CHECK(name(status.code()) == name(code));
    CHECK(status.message().find(culprit) != std::string_view::npos);
  };
  const Parts good = Parts::of("gpt_oss_mxfp4");
  REQUIRE(load(good).ok());
  for (const std::string tensor : {"gate_up_proj_blocks", "gate_up_proj_scales", "gate_up_proj_bias",
                                   "down_proj_blocks", "down_proj_scales", "down_proj_bias"}) {
    Parts parts = good;
    std::swap(parts.tensor(kExperts + tensor).dims[0], parts.tensor(kExperts + tensor).dims[1]);
    refuses(parts, Code::kFormat, tensor);
    parts = good;
    parts.tensor(kExperts + tensor).dims.push_back(1);
    if (parts.tensor(kExperts + tensor).dims.size() <= 4) refuses(parts, Code::kFormat, tensor);
    parts = good;
    std::erase_if(parts.tensors, [&](const auto& t) { return t.name == kExperts + tensor; });
    // Without blocks it is the float that is missed.
    const std::string missed = tensor.substr(0, tensor.find("_blocks"));
    refuses(parts, Code::kNotFound, missed);
    parts = good;
    WrittenTensor& other = parts.tensor(kExperts + tensor);
    other.type = other.type == ElementType::kU8 ? ElementType::kI8 : ElementType::kI32;
    refuses(parts, Code::kUnsupported, tensor);
  }
  Parts both = good;
  const Parts floats = Parts::of("gpt_oss");
  for (const WrittenTensor& tensor : floats.tensors) {
    if (tensor.name == kExperts + "down_proj") both.tensors.push_back(tensor);
  }
  refuses(both, Code::kFormat, "down_proj_blocks");
  Parts wrong = floats;
  WrittenTensor& gate_up = wrong.tensor(kExperts + "gate_up_proj");
  std::swap(gate_up.dims[1], gate_up.dims[2]);
  refuses(wrong, Code::kFormat, "gate_up_proj");
  wrong = floats;
  wrong.tensor(kExperts + "gate_up_proj").type = ElementType::kI32;
  refuses(wrong, Code::kUnsupported, "gate_up_proj");
  wrong = floats;
  wrong.tensor("model.layers.0.self_attn.sinks").dims = {2, 2};
  refuses(wrong, Code::kFormat, "self_attn.sinks");
}

TEST_CASE("a value of stacked experts that no scale holds is refused by the tensor's name") {
  Parts parts = Parts::of("gpt_oss");
  const float infinite = INFINITY;
  std::memcpy(parts.tensor(kExperts + "down_proj").bytes.data() + 40, &infinite, sizeof(infinite));
  const TemporaryFolder folder;
  parts.write(folder.path());
  const Status status = convert_to_gguf(folder.path(), folder / "m.gguf",
                                        {.type = GgufFileType::kMXFP4, .executor = nullptr, .callbacks = {}});
  INFO(status.message());
  CHECK(status.code() == Code::kInvalidArgument);
  CHECK(status.where() == kExperts + "down_proj");
}
