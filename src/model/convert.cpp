// SPDX-License-Identifier: Apache-2.0
#include <moxie/model/convert.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <moxie/backend/quant.hpp>
#include <moxie/core/checked.hpp>
#include <moxie/core/guard.hpp>
#include <moxie/core/team.hpp>
#include <moxie/format/gguf_writer.hpp>

#include "model/config.hpp"
#include "model/convert_tokenizer.hpp"
#include "model/gguf_names.hpp"
#include "model/qwen3_moe.hpp"

namespace moxie::model {

namespace {

constexpr std::string_view kWhere = "convert";

bool is_float(ElementType type) noexcept {
  return type == ElementType::kF32 || type == ElementType::kBF16 || type == ElementType::kF16;
}

/// Rows of one tensor of the new file out of one or, for experts, several of the old.
class RowSource {
 public:
  RowSource(const Checkpoint& checkpoint, std::vector<Tensor> parts, ElementType to, std::uint64_t width,
            Executor* executor)
      : checkpoint_(checkpoint), parts_(std::move(parts)), to_(to), width_(width), executor_(executor) {}

  Status fill(std::uint64_t first_row, std::span<std::byte> rows) const {
    const std::size_t to_bytes = row_bytes(to_);
    const std::size_t count = rows.size() / to_bytes;
    SerialExecutor serial;
    Executor& executor = executor_ == nullptr ? serial : *executor_;
    std::vector<Workspace> workspaces(executor.width());
    Team team(executor, workspaces);
    const std::size_t tasks = std::min(count, executor.width() * 4);
    const Status status = team.each(tasks, [&](std::size_t task, Workspace&) -> Status {
      std::vector<float> values(static_cast<std::size_t>(width_));
      for (std::size_t row = task * count / tasks; row < (task + 1) * count / tasks; ++row) {
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
    const std::span<const std::byte> from =
        part.bytes.subspan(static_cast<std::size_t>(row % rows_of_part()) * bytes, bytes);
    if (part.type == to_) {
      std::copy(from.begin(), from.end(), into.begin());
      return {};
    }
    MOXIE_TRY(dequantize(part.type, from, values));
    const Status made = quantize(to_, values, into);
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
  Executor* executor_;
};

/// Walks through the weights of a model and hands each to the writer.
class Converter {
 public:
  Converter(const Checkpoint& checkpoint, const ModelConfig& config, const ConvertOptions& options, GgufWriter& writer)
      : checkpoint_(checkpoint), config_(config), options_(options), writer_(writer) {}

  Status add_all() {
    const std::uint64_t D = config_.hidden_size;
    MOXIE_TRY(add({Part::kEmbedding}, {config_.vocab_size, D}));
    for (std::size_t layer = 0; layer < config_.num_hidden_layers; ++layer) MOXIE_TRY(add_layer(layer));
    MOXIE_TRY(add({Part::kFinalNorm}, {D}));
    return config_.tie_word_embeddings ? Status() : add({Part::kHead}, {config_.vocab_size, D});
  }

 private:
  Status add_layer(std::size_t layer) {
    const std::uint64_t D = config_.hidden_size;
    const std::uint64_t H = config_.moe_intermediate_size;
    const std::uint64_t N = config_.num_experts;
    const std::uint64_t query = std::uint64_t{config_.num_attention_heads} * config_.head_dim;
    const std::uint64_t kv = std::uint64_t{config_.num_key_value_heads} * config_.head_dim;
    MOXIE_TRY(add({Part::kAttentionNorm, layer}, {D}));
    MOXIE_TRY(add({Part::kQuery, layer}, {query, D}));
    MOXIE_TRY(add({Part::kKey, layer}, {kv, D}));
    MOXIE_TRY(add({Part::kValue, layer}, {kv, D}));
    MOXIE_TRY(add({Part::kAttentionOutput, layer}, {D, query}));
    MOXIE_TRY(add({Part::kQueryNorm, layer}, {config_.head_dim}));
    MOXIE_TRY(add({Part::kKeyNorm, layer}, {config_.head_dim}));
    MOXIE_TRY(add({Part::kFeedForwardNorm, layer}, {D}));
    MOXIE_TRY(add({Part::kRouter, layer}, {N, D}));
    MOXIE_TRY(add({Part::kExpertGate, layer}, {N, H, D}));
    MOXIE_TRY(add({Part::kExpertUp, layer}, {N, H, D}));
    return add({Part::kExpertDown, layer}, {N, D, H});
  }

  /// `dims`: of the new tensor; where it has three, the first are experts with a tensor each in the old.
  Status add(Place place, std::vector<std::uint64_t> dims) {
    const std::span<const std::uint64_t> old_dims = std::span(dims).subspan(dims.size() == 3 ? 1 : 0);
    std::vector<Tensor> parts;
    for (place.expert = 0; place.expert < (dims.size() == 3 ? dims[0] : 1); ++place.expert) {
      const std::string name = qwen3_moe_names().name(place) + ".weight";
      MOXIE_TRY_LET(Tensor part, checkpoint_.find(name));
      if (!std::ranges::equal(part.dims, old_dims)) {
        return Status(Code::kFormat, name, "the shape that config.json says", "another");
      }
      if (!is_float(part.type)) return Status(Code::kUnsupported, name, "F32, BF16 or F16", moxie::name(part.type));
      if (!parts.empty() && part.type != parts[0].type) {
        return Status(Code::kUnsupported, name, Text(moxie::name(parts[0].type), ", as the experts before it"),
                      moxie::name(part.type));
      }
      parts.push_back(part);
    }
    const std::string name = kGgufNames.name(place) + ".weight";
    const std::uint64_t width = dims.back();
    const ElementType type = gguf_tensor_type(options_.type, {.tensor = name,
                                                              .rank = dims.size(),
                                                              .innermost = width,
                                                              .n_layers = config_.num_hidden_layers,
                                                              .n_experts = config_.num_experts,
                                                              .tied = config_.tie_word_embeddings});
    const auto source =
        std::make_shared<const RowSource>(checkpoint_, std::move(parts), type, width, options_.executor);
    return writer_.add({name, type, std::move(dims), [source](std::uint64_t first_row, std::span<std::byte> rows) {
                          return source->fill(first_row, rows);
                        }});
  }

  const Checkpoint& checkpoint_;
  const ModelConfig& config_;
  const ConvertOptions& options_;
  GgufWriter& writer_;
};

/// GGUF has no key for these, and llama.cpp would run another model without a word.
Status check_sayable(const ModelConfig& config) {
  const auto refuse = [](std::string_view needed, std::string_view came) {
    return Status(Code::kUnsupported, kWhere, needed, came);
  };
  if (std::find(config.moe_layers.begin(), config.moe_layers.end(), false) != config.moe_layers.end()) {
    return refuse("experts in every layer, as GGUF's qwen3moe has", "a layer without");
  }
  if (!config.norm_topk_prob) return refuse("norm_topk_prob true, as GGUF's qwen3moe means", "false");
  if (config.attention_bias) return refuse("attention_bias false, as GGUF's qwen3moe has", "true");
  return {};
}

Status set_configuration(const ModelConfig& config, GgufFileType type, std::string_view model_name,
                         GgufWriter& writer) {
  MOXIE_TRY(writer.set_string("general.architecture", "qwen3moe"));
  MOXIE_TRY(writer.set_string("general.name", model_name));
  MOXIE_TRY(writer.set_u32("general.file_type", static_cast<std::uint32_t>(type)));
  MOXIE_TRY(writer.set_u32("general.quantization_version", 2));
  const auto dense_width = checked::multiply(config.moe_intermediate_size, config.num_experts_per_tok);
  const std::array<std::pair<const char*, std::uint64_t>, 11> numbers = {{
      {"block_count", config.num_hidden_layers},
      {"context_length", config.max_position_embeddings},
      {"embedding_length", config.hidden_size},
      // Of dense layers, of which there are none; llama.cpp wants the key.
      {"feed_forward_length", dense_width.value_or(UINT64_MAX)},
      {"attention.head_count", config.num_attention_heads},
      {"attention.head_count_kv", config.num_key_value_heads},
      {"attention.key_length", config.head_dim},
      {"attention.value_length", config.head_dim},
      {"expert_count", config.num_experts},
      {"expert_used_count", config.num_experts_per_tok},
      {"expert_feed_forward_length", config.moe_intermediate_size},
  }};
  for (const auto& [key, value] : numbers) {
    const auto narrow = checked::narrow<std::uint32_t>(value);
    if (!narrow) return Status(Code::kUnsupported, kWhere, Text("qwen3moe.", key, " below 2^32"), Text(value));
    MOXIE_TRY(writer.set_u32(std::string("qwen3moe.") + key, *narrow));
  }
  MOXIE_TRY(writer.set_f32("qwen3moe.attention.layer_norm_rms_epsilon", static_cast<float>(config.rms_norm_eps)));
  return writer.set_f32("qwen3moe.rope.freq_base", static_cast<float>(config.rope_theta));
}

Status convert(const std::filesystem::path& from, const std::filesystem::path& to, const ConvertOptions& options) {
  MOXIE_TRY_LET(const Checkpoint checkpoint, Checkpoint::open(from, {.callbacks = {}}));
  if (checkpoint.kind() != CheckpointKind::kSafetensors) {
    return Status(Code::kUnsupported, from.native(), "a model of Hugging Face", "GGUF");
  }
  MOXIE_TRY_LET(const ModelConfig config, read_config(checkpoint.config_json()));
  MOXIE_TRY(check_sayable(config));
  const std::filesystem::path folder = from.extension() == ".safetensors" ? from.parent_path() : from;
  const std::filesystem::path bare = folder.has_filename() ? folder : folder.parent_path();
  GgufWriter writer;
  MOXIE_TRY(set_configuration(config, options.type, bare.filename().native(), writer));
  MOXIE_TRY(set_tokenizer(writer, folder, config.vocab_size));
  MOXIE_TRY(Converter(checkpoint, config, options, writer).add_all());
  return writer.write(to, options.callbacks);
}

}  // namespace

}  // namespace moxie::model

namespace moxie {

Status convert_to_gguf(const std::filesystem::path& from, const std::filesystem::path& to,
                       const ConvertOptions& options) noexcept {
  return guarded("convert_to_gguf", [&] { return model::convert(from, to, options); });
}

}  // namespace moxie
