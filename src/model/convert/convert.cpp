// SPDX-License-Identifier: Apache-2.0
#include <moxie/model/convert.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <moxie/backend/quant.hpp>
#include <moxie/core/guard.hpp>
#include <moxie/core/ranges.hpp>
#include <moxie/format/checkpoint.hpp>
#include <moxie/format/gguf_writer.hpp>

#include "model/convert/gguf_parts.hpp"
#include "model/families/family.hpp"
#include "model/load/config.hpp"
#include "model/load/gguf_names.hpp"
#include "model/load/stacked_experts.hpp"
#include "model/load/tensor_rows.hpp"
#include "model/run/rope.hpp"

namespace moxie::inline abi1::model {

namespace {

/// Rows of one tensor of the new file out of one or, for experts, several of the old.
class RowSource {
 public:
  /// `head_width`: rows are interleaved within heads of so many (interleaved_rows.hpp); 0: they stay.
  RowSource(const Checkpoint& checkpoint, std::vector<Tensor> parts, ElementType to, std::uint64_t width,
            std::size_t head_width, Executor* executor)
      : checkpoint_(checkpoint),
        parts_(std::move(parts)),
        to_(to),
        width_(width),
        head_width_(head_width),
        executor_(executor) {}

  Status fill(std::uint64_t first_row, std::span<std::byte> rows) const {
    const std::size_t to_bytes = row_bytes(to_);
    const std::size_t count = rows.size() / to_bytes;
    SerialExecutor serial;
    Executor& executor = executor_ == nullptr ? serial : *executor_;
    std::vector<Workspace> workspaces(executor.width());
    Workers workers(executor, workspaces);
    const Status status = each_range(workers, Cut(count, workers.width() * 4), [&](Range range, Workspace&) -> Status {
      std::vector<float> values(static_cast<std::size_t>(width_));
      for (std::size_t row = range.begin; row < range.end; ++row) {
        MOXIE_TRY(convert(first_row + row, rows.subspan(row * to_bytes, to_bytes), values));
      }
      return {};
    });
    if (status.ok()) release(first_row, count);
    return status;
  }

 private:
  [[nodiscard]] std::size_t row_bytes(ElementType type) const noexcept {
    return static_cast<std::size_t>(width_) / traits(type).block_elements * size_of(type);
  }
  [[nodiscard]] std::uint64_t rows_of_part() const noexcept {
    return parts_[0].bytes.size() / row_bytes(parts_[0].type);
  }
  Status convert(std::uint64_t row, std::span<std::byte> into, std::span<float> values) const {
    const Tensor& part = parts_[static_cast<std::size_t>(row / rows_of_part())];
    const std::size_t bytes = row_bytes(part.type);
    const auto asked = static_cast<std::size_t>(row % rows_of_part());
    const std::size_t there = head_width_ == 0 ? asked : row_of_interleaved(asked, head_width_);
    const std::span<const std::byte> from = part.bytes.subspan(there * bytes, bytes);
    const Status made = convert_row(part.type, from, to_, into, values);
    if (made.ok()) return made;
    return Status(made.code(), part.name, Text(made.needed(), " in row ", row % rows_of_part()), made.came());
  }
  /// Pages of parts that have been read whole: a folder larger than memory passes through it.
  void release(std::uint64_t first_row, std::uint64_t count) const noexcept {
    for (std::uint64_t part = first_row / rows_of_part(); part < (first_row + count) / rows_of_part(); ++part) {
      checkpoint_.release_pages(parts_[static_cast<std::size_t>(part)]);
    }
  }

  Checkpoint checkpoint_;
  std::vector<Tensor> parts_;
  ElementType to_;
  std::uint64_t width_;
  std::size_t head_width_;
  Executor* executor_;
};

/// Rows of the matrices of all experts, out of tensors that keep them together.
class StackedRowSource {
 public:
  StackedRowSource(const Checkpoint& checkpoint, const StackedExperts& from, ElementType to, std::uint64_t out,
                   std::uint64_t in)
      : checkpoint_(checkpoint), from_(from), to_(to), out_(out), in_(static_cast<std::size_t>(in)) {}

  Status fill(std::uint64_t first_row, std::span<std::byte> rows) const {
    const std::size_t to_bytes = in_ / traits(to_).block_elements * size_of(to_);
    const std::size_t from_bytes = from_.row_bytes();
    std::vector<std::byte> raw;
    std::vector<float> values(in_);
    while (!rows.empty()) {  // runs of rows of one expert
      const auto expert = static_cast<std::size_t>(first_row / out_);
      const auto row = static_cast<std::size_t>(first_row % out_);
      const std::size_t count =
          std::min({std::size_t{64}, static_cast<std::size_t>(out_) - row, rows.size() / to_bytes});
      raw.resize(count * from_bytes);
      from_.read(expert, row, count, raw.data());
      for (std::size_t r = 0; r < count; ++r) {
        const std::span<const std::byte> from = std::span(raw).subspan(r * from_bytes, from_bytes);
        const std::span<std::byte> into = rows.subspan(r * to_bytes, to_bytes);
        if (const Status made = convert_row(from_.type(), from, to_, into, values); !made.ok()) {
          return Status(made.code(), from_.name(), Text(made.needed(), " in row ", row + r, " of expert ", expert),
                        made.came());
        }
      }
      if (row + count == out_) from_.release(checkpoint_, expert);
      first_row += count;
      rows = rows.subspan(count * to_bytes);
    }
    return {};
  }

 private:
  Checkpoint checkpoint_;
  StackedExperts from_;
  ElementType to_;
  std::uint64_t out_;
  std::size_t in_;
};

/// Walks through the weights of a model and hands each to the writer.
class Converter {
 public:
  Converter(const Checkpoint& checkpoint, const Family& family, const ModelConfig& config,
            const ConvertOptions& options, GgufWriter& writer)
      : checkpoint_(checkpoint),
        family_(family),
        names_(family.names.in(checkpoint)),
        config_(config),
        options_(options),
        writer_(writer) {}

  Status add_all() {
    const std::uint64_t D = config_.hidden_size;
    MOXIE_TRY(add({Part::kEmbedding}, {config_.vocab_size, D}));
    if (family_.gguf.rope_factors) MOXIE_TRY(add_rope_factors());
    if (const std::uint64_t width = config_.layer_input_width; width != 0) {
      const std::uint64_t all = config_.num_hidden_layers * width;
      MOXIE_TRY(add({Part::kLayerInputs}, {config_.vocab_size, all}));
      MOXIE_TRY(add({Part::kLayerInputsProjection}, {all, D}));
      MOXIE_TRY(add_norm({Part::kLayerInputsNorm}, width));
    }
    for (std::size_t layer = 0; layer < config_.num_hidden_layers; ++layer) MOXIE_TRY(add_layer(layer));
    MOXIE_TRY(add_row_norm({Part::kFinalNorm}));
    return config_.tie_word_embeddings ? Status() : add({Part::kHead}, {config_.vocab_size, D});
  }

 private:
  Status add_norm(const Place& place, std::uint64_t width) {
    if (!family_.norms_above_one) return add(place, {width});
    const std::string from = names_.tensor(place, ".weight");
    MOXIE_TRY_LET(const Tensor tensor, find(from, std::array<std::uint64_t, 1>{width}));
    return writer_.add({family_.gguf.names.tensor(place, ".weight"),
                        ElementType::kF32,
                        {width},
                        [tensor, checkpoint = checkpoint_](std::uint64_t, std::span<std::byte> rows) -> Status {
                          std::vector<float> weight(rows.size() / sizeof(float));
                          MOXIE_TRY(dequantize(tensor.type, tensor.bytes, weight));
                          for (float& w : weight) w += 1;
                          std::ranges::copy(std::as_bytes(std::span(weight)), rows.begin());
                          return {};
                        }});
  }

  Status add_row_norm(const Place& place) {
    if (config_.norm_kind == NormKind::kLayerBias) MOXIE_TRY(add(place, ".bias", {config_.hidden_size}, 0));
    return add_norm(place, config_.hidden_size);
  }

  Status add_norms(const Place& before, const Place& behind) {
    if (config_.block_norms != BlockNorms::kBehind) MOXIE_TRY(add_row_norm(before));
    return config_.block_norms == BlockNorms::kBefore ? Status() : add_row_norm(behind);
  }

  Status add_layer(std::size_t layer) {
    const std::uint64_t D = config_.hidden_size;
    MOXIE_TRY(add_norms({Part::kAttentionNorm, layer}, {Part::kAttentionPostNorm, layer}));
    MOXIE_TRY(add_attention(layer));
    if (!config_.parallel_blocks) {
      MOXIE_TRY(add_norms({Part::kFeedForwardNorm, layer}, {Part::kFeedForwardPostNorm, layer}));
    }
    if (const std::uint64_t width = config_.layer_input_width; width != 0) {
      MOXIE_TRY(add({Part::kLayerInputGate, layer}, {width, D}));
      MOXIE_TRY(add({Part::kLayerInputUp, layer}, {D, width}));
      MOXIE_TRY(add_norm({Part::kLayerInputPostNorm, layer}, D));
    }
    if (config_.layer_scale) MOXIE_TRY(add({Part::kLayerScale, layer}, {1}));
    if (!config_.moe_layers[layer]) {
      return add_mlp(layer, Part::kGate, Part::kUp, Part::kDown, config_.dense_sizes[layer], config_.mlp_bias);
    }
    const std::uint64_t H = config_.moe_intermediate_size;
    const std::uint64_t N = config_.num_experts;
    MOXIE_TRY(add({Part::kRouter, layer}, {N, D}, config_.expert_bias));
    if (config_.selection_bias) MOXIE_TRY(add({Part::kSelectionBias, layer}, {N}));
    if (config_.router_norm) MOXIE_TRY(add({Part::kRouterScale, layer}, {D}));
    if (config_.expert_scale) MOXIE_TRY(add({Part::kExpertScale, layer}, {N}));
    if (config_.branch_norms) {
      MOXIE_TRY(add_norm({Part::kExpertsNorm, layer}, D));
      MOXIE_TRY(add_norm({Part::kExpertsPostNorm, layer}, D));
      MOXIE_TRY(add_norm({Part::kSharedPostNorm, layer}, D));
    }
    MOXIE_TRY(add_experts({Part::kExpertGate, layer}, H, D));
    MOXIE_TRY(add_experts({Part::kExpertUp, layer}, H, D));
    MOXIE_TRY(add_experts({Part::kExpertDown, layer}, D, H));
    if (config_.shared_expert_intermediate_size == 0) return {};
    MOXIE_TRY(add_mlp(layer, Part::kSharedGate, Part::kSharedUp, Part::kSharedDown,
                      config_.shared_expert_intermediate_size, false));
    return !config_.shared_expert_gate ? Status() : add({Part::kSharedScale, layer}, {1, D});
  }

  Status add_attention(std::size_t layer) {
    if (config_.kv_lora_rank > 0) return add_latent_attention(layer);
    const std::uint64_t D = config_.hidden_size;
    const LayerAttention& heads = config_.layer_attention[layer];
    const std::uint64_t query = std::uint64_t{heads.num_attention_heads} * heads.head_dim;
    const std::uint64_t keys = std::uint64_t{heads.num_key_value_heads} * heads.head_dim;
    const std::uint64_t values = std::uint64_t{heads.num_key_value_heads} * heads.value_dim;
    const std::uint64_t sums = std::uint64_t{heads.num_attention_heads} * heads.value_dim;
    const bool stores = heads.kv_layer == layer;
    const bool interleaves = family_.gguf.interleaved_rows && !family_.interleaved_rows;
    const std::size_t head_width = interleaves ? heads.head_dim : 0;
    const bool bias = config_.attention_bias;
    MOXIE_TRY(add({Part::kQuery, layer}, {query, D}, bias, head_width));
    if (stores) MOXIE_TRY(add({Part::kKey, layer}, {keys, D}, bias, head_width));
    if (stores && !heads.value_is_key) MOXIE_TRY(add({Part::kValue, layer}, {values, D}, bias));
    MOXIE_TRY(add({Part::kAttentionOutput, layer}, {D, sums}, config_.attention_output_bias));
    if (config_.attention_gate != AttentionGate::kNone) {
      const bool of_heads = config_.attention_gate == AttentionGate::kHead;
      MOXIE_TRY(add({Part::kAttentionGate, layer}, {of_heads ? heads.num_attention_heads : sums, D}));
    }
    if (config_.attention_sinks) MOXIE_TRY(add({Part::kAttentionSinks, layer}, {heads.num_attention_heads}));
    if (config_.query_key_norm == QueryKeyNorm::kNone) return {};
    const bool whole = config_.query_key_norm == QueryKeyNorm::kWhole;
    MOXIE_TRY(add_norm({Part::kQueryNorm, layer}, whole ? query : heads.head_dim));
    return stores ? add_norm({Part::kKeyNorm, layer}, whole ? keys : heads.head_dim) : Status();
  }

  Status add_latent_attention(std::size_t layer) {
    const std::uint64_t D = config_.hidden_size;
    const std::uint64_t A = config_.num_attention_heads;
    const std::uint64_t width = config_.qk_nope_head_dim + config_.qk_rope_head_dim;
    const std::uint64_t rank = config_.kv_lora_rank;
    if (const std::uint64_t narrow = config_.q_lora_rank; narrow != 0) {
      MOXIE_TRY(add({Part::kQueryDown, layer}, {narrow, D}));
      MOXIE_TRY(add({Part::kQueryDownNorm, layer}, {narrow}));
      MOXIE_TRY(add({Part::kQueryUp, layer}, {A * width, narrow}));
    } else {
      MOXIE_TRY(add({Part::kQuery, layer}, {A * width, D}));
    }
    MOXIE_TRY(add({Part::kLatentDown, layer}, {rank + config_.qk_rope_head_dim, D}));
    MOXIE_TRY(add({Part::kLatentNorm, layer}, {rank}));
    MOXIE_TRY(add_latent_heads({Part::kLatentKey, layer}, {A, rank, config_.qk_nope_head_dim}));
    MOXIE_TRY(add_latent_heads({Part::kLatentValue, layer}, {A, config_.v_head_dim, rank}));
    return add({Part::kAttentionOutput, layer}, {D, A * config_.v_head_dim});
  }

  /// Of each head, out of the one matrix that has keys and values of all.
  Status add_latent_heads(const Place& place, std::vector<std::uint64_t> dims) {
    const std::uint64_t each = config_.qk_nope_head_dim + config_.v_head_dim;
    const std::array<std::uint64_t, 2> old_dims = {dims[0] * each, config_.kv_lora_rank};
    const std::string from = names_.name({Part::kLatentUp, place.layer}) + ".weight";
    MOXIE_TRY_LET(const Tensor kv_b, find(from, old_dims));
    const std::string name = kGgufNames.name(place) + ".weight";
    const ElementType type = type_of(name, dims.size(), dims.back());
    auto fill = latent_head_rows(checkpoint_, kv_b, place.part, type, config_);
    return writer_.add({name, type, std::move(dims), std::move(fill)});
  }

  Status add_mlp(std::size_t layer, Part gate, Part up, Part down, std::uint64_t inner, bool bias) {
    const std::uint64_t D = config_.hidden_size;
    MOXIE_TRY(add({gate, layer}, {inner, D}, bias));
    MOXIE_TRY(add({up, layer}, {inner, D}, bias));
    return add({down, layer}, {D, inner}, bias);
  }

  Status add_experts(Place place, std::uint64_t out, std::uint64_t in) {
    const std::uint64_t N = config_.num_experts;
    if (!names_.take_turns()) return add(place, {N, out, in}, config_.expert_bias);
    place.n_experts = config_.num_experts;
    if (config_.expert_bias) MOXIE_TRY(add_stacked_biases(place, out));
    const std::string name = family_.gguf.names.tensor(place, ".weight");
    MOXIE_TRY_LET(
        const StackedExperts experts,
        StackedExperts::find(checkpoint_, names_, place, static_cast<std::size_t>(out), static_cast<std::size_t>(in)));
    ElementType type = type_of(name, 3, in);
    // What is quantized would gain nothing as floats, and be another model's arithmetic.
    if (is_quantized(experts.type()) && !is_quantized(type)) type = experts.type();
    const auto source = std::make_shared<const StackedRowSource>(checkpoint_, experts, type, out, in);
    return writer_.add({name, type, {N, out, in}, [source](std::uint64_t first_row, std::span<std::byte> rows) {
                          return source->fill(first_row, rows);
                        }});
  }

  Status add_stacked_biases(Place place, std::uint64_t out) {
    const auto fill = [checkpoint = checkpoint_, names = names_, place, out](
                          std::uint64_t expert, std::span<std::byte> rows) mutable -> Status {
      const auto width = static_cast<std::size_t>(out);
      for (; !rows.empty(); rows = rows.subspan(width * sizeof(float)), ++expert) {
        place.expert = static_cast<std::size_t>(expert);
        MOXIE_TRY_LET(const std::vector<float> bias, StackedExperts::bias(checkpoint, names, place, width));
        std::ranges::copy(std::as_bytes(std::span(bias)), rows.begin());
      }
      return {};
    };
    return writer_.add(
        {family_.gguf.names.tensor(place, ".bias"), ElementType::kF32, {config_.num_experts, out}, fill});
  }

  Status add(Place place, std::vector<std::uint64_t> dims, bool bias = false, std::size_t head_width = 0) {
    if (bias) MOXIE_TRY(add(place, ".bias", {dims[0]}, head_width));
    return add(place, ".weight", std::move(dims), head_width);
  }

  /// `dims`: of the old tensor, but where it has three, the first are experts with a tensor each there.
  Status add(Place place, std::string_view kind, std::vector<std::uint64_t> dims, std::size_t head_width) {
    const std::span<const std::uint64_t> old_dims = std::span(dims).subspan(dims.size() == 3 ? 1 : 0);
    std::vector<Tensor> parts;
    for (place.expert = 0; place.expert < (dims.size() == 3 ? dims[0] : 1); ++place.expert) {
      MOXIE_TRY_LET(Tensor part,
                    dims.size() == 3 ? find_expert(place, kind, dims) : find(names_.tensor(place, kind), old_dims));
      if (!parts.empty() && part.type != parts[0].type) {
        return Status(Code::kUnsupported, part.name, Text(moxie::name(parts[0].type), ", as the experts before it"),
                      moxie::name(part.type));
      }
      parts.push_back(part);
    }
    const std::string name = family_.gguf.names.tensor(place, kind);
    if (place.part == Part::kSharedScale) dims.erase(dims.begin());  // of one row, which GGUF keeps as a vector
    // Elements of a bias are ordered as rows are.
    const std::uint64_t width = kind == ".bias" ? 1 : dims.back();
    const ElementType type = type_of(name, dims.size(), width);
    const auto source =
        std::make_shared<const RowSource>(checkpoint_, std::move(parts), type, width, head_width, options_.executor);
    return writer_.add({name, type, std::move(dims), [source](std::uint64_t first_row, std::span<std::byte> rows) {
                          return source->fill(first_row, rows);
                        }});
  }

  /// `dims`: [N, out, in], whether the checkpoint has a tensor for each expert, one for all, or one for all gates and
  /// ups.
  [[nodiscard]] Result<Tensor> find_expert(const Place& place, std::string_view kind,
                                           std::span<const std::uint64_t> dims) const {
    const auto part_of = [&](const std::string& name, std::uint64_t each, std::size_t number) -> Result<Tensor> {
      MOXIE_TRY_LET(Tensor all, find(name, std::array<std::uint64_t, 3>{dims[0], each * dims[1], dims[2]}));
      const std::size_t bytes = all.bytes.size() / static_cast<std::size_t>(dims[0] * each);
      all.bytes = all.bytes.subspan(number * bytes, bytes);
      return all;
    };
    const bool gate_or_up = place.part == Part::kExpertGate || place.part == Part::kExpertUp;
    const std::string joined = names_.tensor({Part::kExpertGateUp, place.layer}, kind);
    if (gate_or_up && !names_.pattern(Part::kExpertGateUp).empty() && checkpoint_.contains(joined)) {
      return part_of(joined, 2, 2 * place.expert + (place.part == Part::kExpertUp ? 1 : 0));
    }
    const std::string name = names_.tensor(place, kind);
    return names_.is_fused(place.part) ? part_of(name, 1, place.expert) : find(name, dims.subspan(1));
  }

  [[nodiscard]] Result<Tensor> find(const std::string& name, std::span<const std::uint64_t> dims) const {
    MOXIE_TRY_LET(const Tensor tensor, checkpoint_.find(name));
    const bool is_row = dims.size() == 1 && tensor.dims.size() == 2 && tensor.dims[0] == 1;
    if (!std::ranges::equal(tensor.dims.subspan(is_row ? 1 : 0), dims)) {
      return Status(Code::kFormat, name, "the shape that config.json says", "another");
    }
    if (!is_float(tensor.type)) return Status(Code::kUnsupported, name, "F32, BF16 or F16", moxie::name(tensor.type));
    return tensor;
  }

  [[nodiscard]] ElementType type_of(std::string_view name, std::size_t rank, std::uint64_t innermost) const noexcept {
    return gguf_tensor_type(options_.type, {.tensor = name,
                                            .rank = rank,
                                            .innermost = innermost,
                                            .n_layers = config_.num_hidden_layers,
                                            .n_experts = config_.num_experts,
                                            .tied = config_.tie_word_embeddings});
  }

  Status add_rope_factors() {
    const RopeScaling::Type type = config_.rope_scaling.type;
    if (type != RopeScaling::Type::kLlama3 && type != RopeScaling::Type::kFactors) return {};
    std::vector<float> factors = frequency_factors(config_.rope_scaling, config_.rotary_dim, config_.rope_theta);
    std::vector<std::uint64_t> dims = {factors.size()};
    return writer_.add({kGgufNames.name({Part::kRopeFactors}) + ".weight", ElementType::kF32, std::move(dims),
                        [factors = std::move(factors)](std::uint64_t, std::span<std::byte> rows) {
                          std::ranges::copy(std::as_bytes(std::span(factors)), rows.begin());
                          return Status();
                        }});
  }

  const Checkpoint& checkpoint_;
  const Family& family_;
  TensorNames names_;
  const ModelConfig& config_;
  const ConvertOptions& options_;
  GgufWriter& writer_;
};

Status convert(const std::filesystem::path& from, const std::filesystem::path& to, const ConvertOptions& options) {
  MOXIE_TRY_LET(const Checkpoint checkpoint, Checkpoint::open(from, {.callbacks = {}}));
  if (checkpoint.kind() != CheckpointKind::kSafetensors) {
    return Status(Code::kUnsupported, from.native(), "a model of Hugging Face", "GGUF");
  }
  MOXIE_TRY_LET(const ModelConfig config, read_config(checkpoint.config_json()));
  const Family& family = *find_family(config.model_type);
  if (family.gguf.architecture.empty()) {
    return cannot_say("a family that GGUF has an architecture for", config.model_type);
  }
  MOXIE_TRY(check_gguf_can_say(family, config));
  std::error_code ignored;
  const std::filesystem::path folder = std::filesystem::is_directory(from, ignored) ? from : from.parent_path();
  const std::filesystem::path bare = folder.has_filename() ? folder : folder.parent_path();
  GgufWriter writer;
  MOXIE_TRY(set_gguf_configuration(writer, family, config, options.type, bare.filename().native()));
  MOXIE_TRY(set_tokenizer(writer, folder, config.vocab_size));
  MOXIE_TRY(set_sampling(writer, folder, options.callbacks));
  MOXIE_TRY(Converter(checkpoint, family, config, options, writer).add_all());
  return writer.write(to, options.callbacks);
}

}  // namespace

}  // namespace moxie::model

namespace moxie::inline abi1 {

Status convert_to_gguf(const std::filesystem::path& from, const std::filesystem::path& to,
                       const ConvertOptions& options) noexcept {
  return guarded("convert_to_gguf", [&] { return model::convert(from, to, options); });
}

}  // namespace moxie
