// SPDX-License-Identifier: Apache-2.0
#include "model/convert/gguf_parts.hpp"

#include <algorithm>
#include <vector>

#include "model/run/rope.hpp"

namespace moxie::inline abi1::model {

Status check_gguf_can_say_latent(const ModelConfig& config) {
  if (!config.rope_interleave) return cannot_say("rope_interleave true, as GGUF's deepseek2 means", "false");
  const RopeScaling& scaling = config.rope_scaling;
  if (scaling.type != RopeScaling::Type::kYarn) return {};
  if (scaling.attention_factor != 1 || !(scaling.yarn_log_multiplier > 0)) {
    return cannot_say(
        "mscale and mscale_all_dim of yarn equal and above 0, as GGUF's deepseek2 means",
        Text("an attention_factor of ", scaling.attention_factor, ", and for scores ", yarn_softmax_factor(scaling)));
  }
  return {};
}

Status set_gguf_latent(GgufKeyWriter& keys, const ModelConfig& config) {
  const std::size_t rope = config.qk_rope_head_dim;
  MOXIE_TRY(keys.size("vocab_size", config.vocab_size));
  // Written where there is none too: but for some numbers of layers, llama.cpp asks for it.
  MOXIE_TRY(keys.size("attention.q_lora_rank", config.q_lora_rank));
  MOXIE_TRY(keys.size("attention.kv_lora_rank", config.kv_lora_rank));
  MOXIE_TRY(keys.size("attention.key_length", config.kv_lora_rank + rope));
  MOXIE_TRY(keys.size("attention.value_length", config.kv_lora_rank));
  MOXIE_TRY(keys.size("attention.key_length_mla", config.qk_nope_head_dim + rope));
  MOXIE_TRY(keys.size("attention.value_length_mla", config.v_head_dim));
  if (config.rope_scaling.type != RopeScaling::Type::kYarn) return {};
  return keys.number("rope.scaling.yarn_log_multiplier", static_cast<double>(config.rope_scaling.yarn_log_multiplier));
}

namespace {

/// One matrix of [A (nope + value width), rank], read as its heads' two parts.
class HeadRows {
 public:
  HeadRows(const Checkpoint& checkpoint, const Tensor& kv_b, Part part, ElementType to, const ModelConfig& config)
      : checkpoint_(checkpoint),
        kv_b_(kv_b),
        keys_(part == Part::kLatentKey),
        to_(to),
        rank_(config.kv_lora_rank),
        nope_(config.qk_nope_head_dim),
        value_(config.v_head_dim) {}

  Status fill(std::uint64_t first_row, std::span<std::byte> rows) const {
    const std::size_t width = keys_ ? nope_ : rank_;
    const std::size_t bytes = width / traits(to_).block_elements * size_of(to_);
    std::vector<std::byte> elements(width * size_of(kv_b_.type));
    std::vector<float> values(width);
    for (std::size_t at = 0; at < rows.size(); at += bytes) {
      const std::uint64_t row = first_row + at / bytes;
      gather(static_cast<std::size_t>(row), elements);
      const Status made = convert_row(kv_b_.type, elements, to_, rows.subspan(at, bytes), values);
      if (!made.ok()) {
        return Status(made.code(), kv_b_.name, Text(made.needed(), " in row ", row, " of its heads"), made.came());
      }
    }
    return {};
  }

 private:
  /// Row c of a head's keys is their column c; a row of its values lies behind its keys.
  void gather(std::size_t row, std::span<std::byte> elements) const noexcept {
    const std::size_t size = size_of(kv_b_.type);
    const std::size_t each = keys_ ? rank_ : value_;
    const std::byte* const head = kv_b_.bytes.data() + row / each * (nope_ + value_) * rank_ * size;
    const std::size_t of_head = row % each;
    if (!keys_) {
      std::copy_n(head + (nope_ + of_head) * rank_ * size, elements.size(), elements.data());
      return;
    }
    for (std::size_t j = 0; j < nope_; ++j) {
      std::copy_n(head + (j * rank_ + of_head) * size, size, elements.data() + j * size);
    }
  }

  Checkpoint checkpoint_;
  Tensor kv_b_;
  bool keys_;
  ElementType to_;
  std::size_t rank_, nope_, value_;
};

}  // namespace

GgufTensor::Fill latent_head_rows(const Checkpoint& checkpoint, const Tensor& kv_b, Part part, ElementType to,
                                  const ModelConfig& config) {
  return [rows = HeadRows(checkpoint, kv_b, part, to, config)](std::uint64_t first_row, std::span<std::byte> into) {
    return rows.fill(first_row, into);
  };
}

}  // namespace moxie::model
