// SPDX-License-Identifier: Apache-2.0
#include "model/load/weights.hpp"

#include <algorithm>
#include <array>

#include <moxie/backend/quant.hpp>

#include "backend/access.hpp"
#include "backend/linear_body.hpp"
#include "model/load/gguf_names.hpp"
#include "model/load/stacked_experts.hpp"
#include "model/load/tensor_rows.hpp"

namespace moxie::inline abi1::model {

namespace {

std::string shape_text(std::span<const std::uint64_t> dims) {
  std::string text = "[";
  for (const std::uint64_t dim : dims) text += (text.size() > 1 ? ", " : "") + std::to_string(dim);
  return text + "]";
}

}  // namespace

WeightSource::WeightSource(const Checkpoint& checkpoint, const Family& family, const Backend& backend,
                           const LoadOptions& options, Executor* executor)
    : checkpoint_(checkpoint),
      names_((checkpoint.kind() == CheckpointKind::kGguf ? family.gguf.names : family.names).in(checkpoint)),
      interleaved_(checkpoint.kind() == CheckpointKind::kGguf ? family.gguf.interleaved_rows : family.interleaved_rows),
      stacked_(names_.take_turns()),
      norms_above_one_(checkpoint.kind() == CheckpointKind::kSafetensors && family.norms_above_one),
      backend_(backend),
      options_(options),
      executor_(executor),
      said_by_(checkpoint.kind() == CheckpointKind::kGguf ? "the metadata" : "config.json") {
  // The configuration has read it.
  const Result<Tensor> factors = checkpoint.find(kGgufNames.tensor({Part::kRopeFactors}, ".weight"));
  if (factors.ok()) taken_.insert(factors->name);
}

Result<Tensor> WeightSource::take(const std::string& name) {
  MOXIE_TRY_LET(const Tensor tensor, checkpoint_.find(name));
  taken_.insert(tensor.name);
  return tensor;
}

Result<Tensor> WeightSource::find(const std::string& name, std::span<const std::uint64_t> dims) {
  MOXIE_TRY_LET(const Tensor tensor, take(name));
  if (std::ranges::equal(tensor.dims, dims)) return tensor;
  return Status(Code::kFormat, name, Text(shape_text(dims), ", as ", said_by_, " says"), shape_text(tensor.dims));
}

Result<Tensor> WeightSource::find_matrix(const Place& place, const std::string& name, std::size_t rows,
                                         std::size_t width) {
  // A matrix of one row may be written as a vector: GGUF's converters do so.
  if (const Result<Tensor> vector = checkpoint_.find(name); rows == 1 && vector.ok() && vector->dims.size() == 1) {
    return find(name, std::array<std::uint64_t, 1>{width});
  }
  if (place.part == Part::kExpertGate || place.part == Part::kExpertUp) {
    const std::string joined = names_.tensor({Part::kExpertGateUp, place.layer}, ".weight");
    if (!names_.pattern(Part::kExpertGateUp).empty() && checkpoint_.contains(joined)) {
      MOXIE_TRY_LET(Tensor all, find(joined, std::array<std::uint64_t, 3>{place.n_experts, 2 * rows, width}));
      const std::size_t bytes = all.bytes.size() / place.n_experts / 2;
      const std::size_t number = 2 * place.expert + (place.part == Part::kExpertUp ? 1 : 0);
      all.bytes = all.bytes.subspan(number * bytes, bytes);
      return all;
    }
  }
  if (!names_.is_fused(place.part)) return find(name, std::array<std::uint64_t, 2>{rows, width});
  MOXIE_TRY_LET(Tensor all, find(name, std::array<std::uint64_t, 3>{place.n_experts, rows, width}));
  const std::size_t bytes = all.bytes.size() / place.n_experts;
  all.dims = all.dims.subspan(1);
  all.bytes = all.bytes.subspan(place.expert * bytes, bytes);
  return all;
}

Status WeightSource::done(const Tensor& tensor) {
  if (tensor.tiled) {  // it is used where it lies
    checkpoint_.fetch_pages(tensor);
  } else {
    checkpoint_.release_pages(tensor);
  }
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

Result<Weights> WeightSource::matrix(const Place& place, std::size_t rows, std::size_t width) {
  const std::string name = names_.name(place) + ".weight";
  MOXIE_TRY_LET(const Tensor tensor, find_matrix(place, name, rows, width));
  if (tensor.tiled || (!is_float(tensor.type) && !is_quantized(tensor.type))) {
    return unsupported_elements(name, "F32, BF16, F16 or a block-quantized type, not tiled", tensor.type);
  }
  return Weights{.data = tensor.bytes.data(), .type = tensor.type, .out_width = rows, .in_width = width};
}

Result<std::vector<float>> WeightSource::vector(const Place& place, std::size_t width) {
  const std::string name = names_.tensor(place, ".weight");
  // ERNIE keeps it as a matrix of one row.
  const Result<Tensor> row = checkpoint_.find(name);
  if (place.part == Part::kSelectionBias && row.ok() && row->dims.size() == 2) {
    MOXIE_TRY_LET(const Tensor tensor, find(name, std::array<std::uint64_t, 2>{1, width}));
    return floats_of(tensor);
  }
  return floats(name, width);
}

Result<std::vector<float>> WeightSource::norm(const Place& place, std::size_t width) {
  MOXIE_TRY_LET(std::vector<float> weight, vector(place, width));
  if (norms_above_one_) {
    for (float& w : weight) w += 1;
  }
  return weight;
}

bool WeightSource::has(const Place& place) const {
  return !names_.pattern(place.part).empty() && checkpoint_.contains(names_.name(place) + ".weight");
}

Result<Linear> WeightSource::pack(std::string_view tensor, const Weights& weights, std::span<const float> bias) {
  Result<Linear> linear = BackendAccess::create_linear(
      backend_, weights, bias, {.arena = arena_, .budget = options_.memory.get(), .executor = executor_});
  if (linear.status().code() != Code::kUnsupported) return linear;
  return Status(Code::kUnsupported, tensor, linear.status().needed(), linear.status().came());
}

Result<Linear> WeightSource::pack_part(const Place& place, const Weights& part, std::size_t packed_bytes) {
  MOXIE_TRY_LET(Linear linear, pack(names_.name(place) + ".weight", part, {}));
  packed_bytes_ += packed_bytes;
  MOXIE_TRY(report());
  return linear;
}

Result<Linear> WeightSource::some_rows(const Place& place, std::size_t out, std::size_t in, std::size_t first,
                                       std::size_t count) {
  MOXIE_TRY_LET(Weights rows, matrix(place, out, in));
  rows.data += first * rows.row_bytes();
  rows.out_width = count;
  return pack_part(place, rows, count * rows.row_bytes());
}

Result<Linear> WeightSource::transposed_rows(const Place& place, std::size_t out, std::size_t in, std::size_t first,
                                             std::size_t count) {
  MOXIE_TRY_LET(const Weights all, matrix(place, out, in));
  const std::size_t bytes = count * all.row_bytes();
  const std::span<const std::byte> rows(all.data + first * all.row_bytes(), bytes);
  std::vector<float> widened;
  std::span<const std::byte> elements = rows;
  ElementType type = all.type;
  if (is_quantized(type)) {
    widened.resize(count * in);
    MOXIE_TRY(dequantize(type, rows, widened));
    elements = std::as_bytes(std::span(widened));
    type = ElementType::kF32;
  }
  const std::vector<std::byte> transposed_rows = transposed(elements, in, size_of(type));
  return pack_part(place, {.data = transposed_rows.data(), .type = type, .out_width = in, .in_width = count}, bytes);
}

Result<std::vector<float>> WeightSource::floats(const std::string& name, std::size_t width) {
  MOXIE_TRY_LET(const Tensor tensor, find(name, std::array<std::uint64_t, 1>{width}));
  return floats_of(tensor);
}

Result<std::vector<float>> WeightSource::floats_of(const Tensor& tensor) {
  if (!is_float(tensor.type)) return unsupported_elements(tensor.name, "F32, BF16 or F16", tensor.type);
  std::vector<float> values(static_cast<std::size_t>(tensor.dims.back()));
  MOXIE_TRY(dequantize(tensor.type, tensor.bytes, values));
  MOXIE_TRY(done(tensor));
  return values;
}

Result<std::vector<float>> WeightSource::bias_of(const Place& place, const std::string& name, std::size_t out) {
  if (!names_.is_fused(place.part)) return floats(name, out);
  MOXIE_TRY_LET(Tensor all, find(name, std::array<std::uint64_t, 2>{place.n_experts, out}));
  if (!is_float(all.type)) return unsupported_elements(name, "F32, BF16 or F16", all.type);
  const std::size_t bytes = all.bytes.size() / place.n_experts;
  all.bytes = all.bytes.subspan(place.expert * bytes, bytes);
  std::vector<float> values(out);
  MOXIE_TRY(dequantize(all.type, all.bytes, values));
  MOXIE_TRY(done(all));
  return values;
}

Result<Linear> WeightSource::stacked(const Place& place, std::size_t out, std::size_t in, bool with_bias) {
  MOXIE_TRY_LET(const StackedExperts experts, StackedExperts::find(checkpoint_, names_, place, out, in));
  for (const std::string_view name : experts.names()) taken_.insert(name);
  std::vector<float> bias;
  if (with_bias) {
    MOXIE_TRY_LET(bias, StackedExperts::bias(checkpoint_, names_, place, out));
    MOXIE_TRY(take(StackedExperts::bias_name(names_, place)).status());
  }
  std::vector<std::byte> rows(experts.bytes());
  constexpr std::size_t kRows = 64;  // of which columns lie in the same few lines of memory
  for (std::size_t row = 0; row < out; row += kRows) {
    experts.read(place.expert, row, std::min(kRows, out - row), rows.data() + row * experts.row_bytes());
  }
  MOXIE_TRY_LET(Linear linear, pack(experts.name(), {rows.data(), experts.type(), out, in, false}, bias));
  experts.release(checkpoint_, place.expert);
  packed_bytes_ += rows.size();
  MOXIE_TRY(report());
  return linear;
}

Result<Linear> WeightSource::linear(const Place& place, std::size_t out, std::size_t in, bool with_bias) {
  if (stacked_ && place.part >= Part::kExpertGate) return stacked(place, out, in, with_bias);
  return linear(place, out, in, 0, with_bias);
}

Result<Linear> WeightSource::heads(const Place& place, std::size_t out, std::size_t in, std::size_t head_width,
                                   bool with_bias) {
  return linear(place, out, in, interleaved_ ? head_width : 0, with_bias);
}

Result<Linear> WeightSource::linear(const Place& place, std::size_t out, std::size_t in, std::size_t head_width,
                                    bool with_bias) {
  const std::string base = names_.name(place);
  const std::string name = names_.tensor(place, ".weight");
  const std::string bias_name = base + ".bias";
  MOXIE_TRY_LET(const Tensor tensor, find_matrix(place, name, out, in));
  std::vector<float> bias;
  if (with_bias) {
    MOXIE_TRY_LET(bias, bias_of(place, bias_name, out));
    if (head_width != 0) bias = halves_apart<float>(bias, 1, head_width);
  } else if (checkpoint_.contains(bias_name)) {  // without it, the answer would be another model's
    return Status(Code::kFormat, bias_name, Text("no such tensor, as ", said_by_, " says"), "one");
  }
  std::vector<std::byte> apart;
  const std::byte* data = tensor.bytes.data();
  if (head_width != 0 && !tensor.tiled) {  // `moxie pack` has put tiles in order
    apart = halves_apart(tensor.bytes, tensor.bytes.size() / out, head_width);
    data = apart.data();
  }
  MOXIE_TRY_LET(Linear linear, pack(name, {data, tensor.type, out, in, tensor.tiled}, bias));
  MOXIE_TRY(done(tensor));
  uses_tiles_ = uses_tiles_ || tensor.tiled;
  return linear;
}

Status WeightSource::check_tied() {
  const std::string name = names_.name({Part::kHead}) + ".weight";
  if (!checkpoint_.contains(name)) return {};
  MOXIE_TRY_LET(const Tensor head, take(name));
  const std::string tied = names_.name({Part::kEmbedding}) + ".weight";
  MOXIE_TRY_LET(const Tensor embedding, checkpoint_.find(tied));
  if (head.type != embedding.type || !std::ranges::equal(head.dims, embedding.dims) ||
      !std::ranges::equal(head.bytes, embedding.bytes)) {
    return Status(Code::kFormat, name, Text("the same as ", tied, ", as ", said_by_, " ties them"), "another");
  }
  checkpoint_.release_pages(head);
  return {};
}

namespace {

/// A name up to where tensors of one layer, or of one tower, begin to differ: "vision_tower", "model.layers.61".
std::string_view group_of(std::string_view name) {
  std::size_t end = 0;
  while (end < name.size()) {
    const std::string_view part = name.substr(end, std::min(name.find('.', end), name.size()) - end);
    const bool goes_on = part == "model" || part == "language_model" || part == "layers" || part == "blk";
    end += part.size();
    if (!goes_on || end == name.size()) break;
    ++end;
  }
  return name.substr(0, end);
}

}  // namespace

std::vector<UnreadTensors> WeightSource::unread() const {
  std::vector<UnreadTensors> groups;
  for (const Tensor& tensor : checkpoint_.tensors()) {
    if (taken_.contains(tensor.name)) continue;
    const std::string_view group = group_of(tensor.name);
    auto found = std::ranges::find(groups, group, &UnreadTensors::group);
    if (found == groups.end())
      found = groups.insert(groups.end(), {.group = std::string(group), .count = 0, .bytes = 0});
    ++found->count;
    found->bytes += tensor.bytes.size();
  }
  return groups;
}

}  // namespace moxie::model
