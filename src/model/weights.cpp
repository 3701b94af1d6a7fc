// SPDX-License-Identifier: Apache-2.0
#include "model/weights.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace moxie::model {

namespace {

std::string shape_text(std::span<const std::uint64_t> dims) {
  std::string text = "[";
  for (const std::uint64_t dim : dims) text += (text.size() > 1 ? ", " : "") + std::to_string(dim);
  return text + "]";
}

bool is_float(ElementType type) noexcept {
  return type == ElementType::kF32 || type == ElementType::kBF16 || type == ElementType::kF16;
}

}  // namespace

Result<Tensor> WeightSource::find(const std::string& name, std::span<const std::uint64_t> dims) {
  MOXIE_TRY_LET(const Tensor tensor, checkpoint_.find(name));
  if (!std::ranges::equal(tensor.dims, dims)) {
    return Status(Code::kFormat, name, shape_text(dims) + ", as config.json says", shape_text(tensor.dims));
  }
  if (!is_float(tensor.type)) {
    return Status(Code::kUnsupported, name, "elements of F32, BF16 or F16", moxie::name(tensor.type));
  }
  return tensor;
}

Status WeightSource::done(const Tensor& tensor) {
  checkpoint_.release_pages(tensor);
  packed_bytes_ += tensor.bytes.size();
  return report();
}

Status WeightSource::finish() {
  packed_bytes_ = checkpoint_.bytes();
  return report();
}

Status WeightSource::report() const {
  return options_.callbacks.progress({.what = "pack weights", .done = packed_bytes_, .total = checkpoint_.bytes()});
}

Result<Weights> WeightSource::matrix(const std::string& name, std::size_t rows, std::size_t width) {
  const std::array<std::uint64_t, 2> dims = {rows, width};
  MOXIE_TRY_LET(const Tensor tensor, find(name, dims));
  return Weights{.data = tensor.bytes.data(), .type = tensor.type, .out_width = rows, .in_width = width};
}

Result<std::vector<float>> WeightSource::vector(const std::string& name, std::size_t width) {
  const std::array<std::uint64_t, 1> dims = {width};
  MOXIE_TRY_LET(const Tensor tensor, find(name, dims));
  std::vector<float> values(width);
  widen(tensor.bytes.data(), tensor.type, width, values.data());
  MOXIE_TRY(done(tensor));
  return values;
}

Result<Linear> WeightSource::linear(const std::string& name, std::size_t out, std::size_t in, bool with_bias) {
  const std::array<std::uint64_t, 2> dims = {out, in};
  MOXIE_TRY_LET(const Tensor tensor, find(name + ".weight", dims));
  std::vector<float> bias;
  const std::string bias_name = name + ".bias";
  if (with_bias) {
    MOXIE_TRY_LET(bias, vector(bias_name, out));
  } else if (checkpoint_.contains(bias_name)) {  // without it, the answer would be another model's
    return Status(Code::kFormat, bias_name, "no such tensor, as config.json says", "one");
  }
  MOXIE_TRY_LET(Linear linear,
                Linear::create(backend_, {tensor.bytes.data(), tensor.type, out, in}, bias, options_.memory.get()));
  MOXIE_TRY(done(tensor));
  return linear;
}

void widen(const std::byte* from, ElementType type, std::size_t count, float* to) noexcept {
  if (type == ElementType::kF32) {
    std::memcpy(to, from, count * sizeof(float));
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    std::uint16_t bits = 0;  // through memcpy: a tensor may lie on any byte
    std::memcpy(&bits, from + i * sizeof(bits), sizeof(bits));
    to[i] = type == ElementType::kBF16 ? widen_bf16(bits) : widen_f16(bits);
  }
}

}  // namespace moxie::model
