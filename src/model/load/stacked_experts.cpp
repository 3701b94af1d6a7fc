// SPDX-License-Identifier: Apache-2.0
#include "model/load/stacked_experts.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <moxie/backend/quant.hpp>
#include <moxie/core/text.hpp>

#include "model/load/tensor_rows.hpp"

namespace moxie::inline abi1::model {

namespace {

constexpr std::size_t kBlock = 32;  // elements of MXFP4 that share a scale

std::size_t step_of(Part part) noexcept { return part == Part::kExpertDown ? 1 : 2; }

Result<Tensor> find_shape(const Checkpoint& checkpoint, const std::string& name,
                          std::initializer_list<std::uint64_t> dims) {
  MOXIE_TRY_LET(const Tensor tensor, checkpoint.find(name));
  if (std::ranges::equal(tensor.dims, dims)) return tensor;
  const auto shape = [](auto&& sizes) {
    std::string text;
    for (const std::uint64_t size : sizes) text += (text.empty() ? "[" : ", ") + std::to_string(size);
    return text + "]";
  };
  return Status(Code::kFormat, name, Text(shape(dims), ", as config.json says"), shape(tensor.dims));
}

}  // namespace

Result<StackedExperts> StackedExperts::find(const Checkpoint& checkpoint, const TensorNames& names, const Place& place,
                                            std::size_t out, std::size_t in) {
  StackedExperts found;
  found.n_experts_ = place.n_experts;
  found.out_ = out;
  found.in_ = in;
  found.step_ = step_of(place.part);
  found.offset_ = place.part == Part::kExpertUp ? 1 : 0;
  const std::uint64_t N = place.n_experts;
  const std::uint64_t rows = out * found.step_;
  const std::string name = names.name(place);
  const std::string blocks = name + "_blocks";
  if (!checkpoint.contains(blocks)) {
    MOXIE_TRY_LET(found.elements_, find_shape(checkpoint, name, {N, in, rows}));
    found.type_ = found.elements_.type;
    if (!is_float(found.type_)) return unsupported_elements(name, "F32, BF16 or F16", found.type_);
    return found;
  }
  if (checkpoint.contains(name)) return Status(Code::kFormat, blocks, Text("no ", name, " beside it"), "one");
  if (in % kBlock != 0) return Status(Code::kFormat, blocks, Text("an input width in blocks of ", kBlock), Text(in));
  found.type_ = ElementType::kMXFP4;
  MOXIE_TRY_LET(found.elements_, find_shape(checkpoint, blocks, {N, rows, in / kBlock, kBlock / 2}));
  MOXIE_TRY_LET(found.scales_, find_shape(checkpoint, name + "_scales", {N, rows, in / kBlock}));
  for (const Tensor* tensor : {&found.elements_, &found.scales_}) {
    if (tensor->type != ElementType::kU8) return unsupported_elements(tensor->name, "U8", tensor->type);
  }
  return found;
}

Result<std::vector<float>> StackedExperts::bias(const Checkpoint& checkpoint, const TensorNames& names,
                                                const Place& place, std::size_t out) {
  const std::string name = bias_name(names, place);
  const std::size_t step = step_of(place.part);
  MOXIE_TRY_LET(Tensor tensor, find_shape(checkpoint, name, {place.n_experts, out * step}));
  if (!is_float(tensor.type)) return unsupported_elements(name, "F32, BF16 or F16", tensor.type);
  const std::size_t bytes = tensor.bytes.size() / place.n_experts;
  std::vector<float> all(out * step);
  MOXIE_TRY(dequantize(tensor.type, tensor.bytes.subspan(place.expert * bytes, bytes), all));
  std::vector<float> values(out);
  for (std::size_t i = 0; i < out; ++i) values[i] = all[i * step + (place.part == Part::kExpertUp ? 1 : 0)];
  return values;
}

void StackedExperts::read(std::size_t expert, std::size_t first, std::size_t count, std::byte* to) const noexcept {
  const std::size_t rows = out_ * step_;
  const std::size_t begin = first * step_ + offset_;
  if (type_ == ElementType::kMXFP4) {
    for (std::size_t r = 0; r < count; ++r) read_blocks(expert * rows + begin + r * step_, to + r * row_bytes());
    return;
  }
  const std::size_t size = size_of(type_);
  for (std::size_t k = 0; k < in_; ++k) {
    const std::byte* from = elements_.bytes.data() + ((expert * in_ + k) * rows + begin) * size;
    for (std::size_t r = 0; r < count; ++r) std::memcpy(to + (r * in_ + k) * size, from + r * step_ * size, size);
  }
}

/// Byte j of a block has elements 2 j and 2 j + 1; in GGUF, j and j + 16.
void StackedExperts::read_blocks(std::size_t file_row, std::byte* to) const noexcept {
  const std::size_t count = in_ / kBlock;
  for (std::size_t b = 0; b < count; ++b, to += size_of(ElementType::kMXFP4)) {
    const std::byte* from = elements_.bytes.data() + (file_row * count + b) * (kBlock / 2);
    const auto code = [from](std::size_t i) { return (from[i / 2] >> (4 * (i % 2))) & std::byte{15}; };
    to[0] = scales_.bytes[file_row * count + b];
    for (std::size_t j = 0; j < kBlock / 2; ++j) to[1 + j] = code(j) | (code(j + kBlock / 2) << 4);
  }
}

void StackedExperts::release(const Checkpoint& checkpoint, std::size_t expert) const noexcept {
  Tensor part = elements_;
  const std::size_t bytes = part.bytes.size() / n_experts_;
  part.bytes = part.bytes.subspan(expert * bytes, bytes);
  checkpoint.release_pages(part);
}

}  // namespace moxie::model
