// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <moxie/core/checked.hpp>
#include <moxie/format/gguf_writer.hpp>
#include <moxie/model/gguf_file_type.hpp>

#include "commands.hpp"
#include "interrupt.hpp"
#include "progress.hpp"
#include "synth_blocks.hpp"
#include "synth_tokenizer.hpp"

namespace moxie::program {

namespace {

/// Gathers the tensors of a checkpoint, each with a random stream of its own.
class Tensors {
 public:
  Tensors(const Synth& options, GgufFileType type, GgufWriter& writer)
      : options_(options), type_(type), writer_(writer) {}

  /// Weights: `spread` is the standard deviation of the elements.
  Status weights(const std::string& name, std::vector<std::uint64_t> dims, double spread) {
    const std::uint64_t width = dims.back();
    const ElementType type = gguf_tensor_type(type_, {.tensor = name,
                                                      .rank = dims.size(),
                                                      .innermost = width,
                                                      .n_layers = options_.layers,
                                                      .n_experts = options_.experts});
    const auto blocks = std::make_shared<const RandomBlocks>(options_.seed, stream_++, type, width, spread);
    return writer_.add({name, type, std::move(dims), [blocks](std::uint64_t first_row, std::span<std::byte> rows) {
                          return blocks->fill(first_row, rows);
                        }});
  }
  /// So that what comes out is about as large as what went in.
  Status matrix(const std::string& name, std::vector<std::uint64_t> dims) {
    const double spread = 1 / std::sqrt(static_cast<double>(dims.back()));
    return weights(name, std::move(dims), spread);
  }
  Status norm(const std::string& name, std::uint64_t width) {
    return writer_.add({name, ElementType::kF32, {width}, [](std::uint64_t, std::span<std::byte> rows) {
                          constexpr std::byte kOne[] = {std::byte{0}, std::byte{0}, std::byte{0x80}, std::byte{0x3f}};
                          for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = kOne[i % 4];
                          return Status();
                        }});
  }

 private:
  const Synth& options_;
  GgufFileType type_;
  GgufWriter& writer_;
  std::uint64_t stream_ = 0;
};

constexpr std::size_t kTensorsOfLayer = 12;

Status add_tensors(const Synth& o, Tensors& tensors) {
  const std::uint64_t D = o.hidden;
  const auto query_width = checked::multiply(o.heads, o.head_width);
  const auto kv_width = checked::multiply(o.kv_heads, o.head_width);
  if (!query_width || !kv_width) return Status(Code::kInvalidArgument, "synth", "heads that fit in 64 bits", "more");
  const std::uint64_t query = *query_width;
  const std::uint64_t kv = *kv_width;
  MOXIE_TRY(tensors.weights("token_embd.weight", {o.vocab, D}, 1));
  for (std::size_t layer = 0; layer < o.layers; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    MOXIE_TRY(tensors.norm(block + "attn_norm.weight", D));
    MOXIE_TRY(tensors.matrix(block + "attn_q.weight", {query, D}));
    MOXIE_TRY(tensors.matrix(block + "attn_k.weight", {kv, D}));
    MOXIE_TRY(tensors.matrix(block + "attn_v.weight", {kv, D}));
    MOXIE_TRY(tensors.matrix(block + "attn_output.weight", {D, query}));
    MOXIE_TRY(tensors.norm(block + "attn_q_norm.weight", o.head_width));
    MOXIE_TRY(tensors.norm(block + "attn_k_norm.weight", o.head_width));
    MOXIE_TRY(tensors.norm(block + "ffn_norm.weight", D));
    // Scores then have a spread of about 1: some experts are clearly better for a token, and none is for all.
    MOXIE_TRY(tensors.matrix(block + "ffn_gate_inp.weight", {o.experts, D}));
    MOXIE_TRY(tensors.matrix(block + "ffn_gate_exps.weight", {o.experts, o.expert_width, D}));
    MOXIE_TRY(tensors.matrix(block + "ffn_up_exps.weight", {o.experts, o.expert_width, D}));
    MOXIE_TRY(tensors.matrix(block + "ffn_down_exps.weight", {o.experts, D, o.expert_width}));
  }
  MOXIE_TRY(tensors.norm("output_norm.weight", D));
  return tensors.matrix("output.weight", {o.vocab, D});
}

Status set_configuration(const Synth& o, GgufFileType type, GgufWriter& writer) {
  MOXIE_TRY(writer.set_string("general.architecture", "qwen3moe"));
  MOXIE_TRY(writer.set_string("general.name", "synthetic, seed " + std::to_string(o.seed)));
  MOXIE_TRY(writer.set_u32("general.file_type", static_cast<std::uint32_t>(type)));
  MOXIE_TRY(writer.set_u32("general.quantization_version", 2));
  const auto number = [&](const char* key, std::optional<std::uint64_t> value) {
    const std::string full = std::string("qwen3moe.") + key;
    const auto narrow = value ? checked::narrow<std::uint32_t>(*value) : std::nullopt;
    if (!narrow) return Status(Code::kInvalidArgument, "synth", Text(full, " below 2^32"), "more");
    return writer.set_u32(full, *narrow);
  };
  MOXIE_TRY(number("block_count", o.layers));
  MOXIE_TRY(number("context_length", 40960));
  MOXIE_TRY(number("embedding_length", o.hidden));
  MOXIE_TRY(number("feed_forward_length", checked::multiply(o.expert_width, o.experts_per_token)));
  MOXIE_TRY(number("attention.head_count", o.heads));
  MOXIE_TRY(number("attention.head_count_kv", o.kv_heads));
  MOXIE_TRY(number("attention.key_length", o.head_width));
  MOXIE_TRY(number("attention.value_length", o.head_width));
  MOXIE_TRY(writer.set_f32("qwen3moe.attention.layer_norm_rms_epsilon", 1e-6f));
  MOXIE_TRY(writer.set_f32("qwen3moe.rope.freq_base", 1e6f));
  MOXIE_TRY(number("expert_count", o.experts));
  MOXIE_TRY(number("expert_used_count", o.experts_per_token));
  return number("expert_feed_forward_length", o.expert_width);
}

constexpr std::size_t kMaxLayers = 65536 / kTensorsOfLayer - 1;
constexpr double kLargeBytes = 100e9;  // what is larger takes hours on many disks, and rarely is meant

std::uint64_t in_gigabytes(double bytes) { return static_cast<std::uint64_t>(std::min(bytes / 1e9, 1e18)); }

/// Without norms and the vocabulary's texts, and as if all weights had the type of the experts. A double holds the size
/// of any model that the options can say.
double estimated_bytes(const Synth& o, GgufFileType type) {
  const auto number = [](std::size_t n) { return static_cast<double>(n); };
  const double D = number(o.hidden);
  const double attention = 2 * D * number(o.head_width) * (number(o.heads) + number(o.kv_heads));
  const double experts = number(o.experts) * D * (1 + 3 * number(o.expert_width));
  const double weights = 2 * number(o.vocab) * D + number(o.layers) * (attention + experts);
  const ElementType stored = gguf_tensor_type(type, {.tensor = "blk.0.ffn_up_exps.weight",
                                                     .rank = 3,
                                                     .innermost = o.hidden,
                                                     .n_layers = o.layers,
                                                     .n_experts = o.experts});
  return weights * number(size_of(stored)) / number(traits(stored).block_elements);
}

/// What a model must be to be one; what it may be at most is the formats' business.
Status check(const Synth& o, GgufFileType type) {
  const auto require = [](bool fine, std::string_view needed, std::string_view came) {
    return fine ? Status() : Status(Code::kInvalidArgument, "synth", needed, came);
  };
  constexpr std::size_t kMax = 1u << 20;
  for (const std::size_t size : {o.layers, o.hidden, o.experts, o.experts_per_token, o.expert_width, o.heads,
                                 o.kv_heads, o.head_width, o.vocab / 16}) {
    MOXIE_TRY(require(size >= 1 && size <= kMax, Text("sizes in [1, ", kMax, "]"), Text(size)));
  }
  MOXIE_TRY(require(o.experts_per_token <= o.experts, Text("--experts-per-token at most --experts ", o.experts),
                    Text(o.experts_per_token)));
  MOXIE_TRY(
      require(o.heads % o.kv_heads == 0, Text("--heads as a multiple of --kv-heads ", o.kv_heads), Text(o.heads)));
  MOXIE_TRY(require(o.head_width % 2 == 0, "an even --head-width", Text(o.head_width)));
  MOXIE_TRY(require(o.layers <= kMaxLayers,
                    Text("--layers of at most ", kMaxLayers, ", since no file has more tensors"), Text(o.layers)));
  const double bytes = estimated_bytes(o, type);
  return require(o.yes || bytes <= kLargeBytes,
                 Text("--yes for a file of more than ", in_gigabytes(kLargeBytes), " GB"),
                 Text("about ", in_gigabytes(bytes), " GB"));
}

}  // namespace

Status run_synth(const Synth& options) {
  const Interrupt interrupt;
  MOXIE_TRY_LET(const GgufFileType type, parse_gguf_file_type(options.type));
  MOXIE_TRY(check(options, type));
  GgufWriter writer;
  MOXIE_TRY(set_configuration(options, type, writer));
  MOXIE_TRY(set_synthetic_tokenizer(writer, options.vocab));
  Tensors tensors(options, type, writer);
  MOXIE_TRY(add_tensors(options, tensors));
  MOXIE_TRY(writer.write(options.output, progress_bar()));
  std::printf("%s: %.1f MB\n", options.output.c_str(), static_cast<double>(writer.file_bytes()) / 1e6);
  return {};
}

}  // namespace moxie::program
