// SPDX-License-Identifier: Apache-2.0
#include <moxie/model/model.hpp>

#include <algorithm>
#include <new>

#include "model/families/family.hpp"
#include "model/load/build.hpp"
#include "model/load/config.hpp"
#include "model/load/fingerprint.hpp"
#include "model/load/model_text.hpp"

namespace moxie::inline abi1 {

struct Model::State {
  ModelConfig config;
  Backend backend;
  std::unique_ptr<const model::Decoder> decoder;
  std::uint64_t fingerprint = 0;
  model::ModelText text;
};

Result<Model> Model::load(const std::filesystem::path& path, const ModelOptions& options) noexcept try {
  MOXIE_TRY_LET(const Checkpoint checkpoint, Checkpoint::open(path, options.files));
  const bool gguf = checkpoint.kind() == CheckpointKind::kGguf;
  MOXIE_TRY_LET(ModelConfig config,
                gguf ? model::read_gguf_config(checkpoint) : model::read_config(checkpoint.config_json()));
  MOXIE_TRY_LET(Backend backend, Backend::create(options.backend));
  const std::uint64_t fingerprint = model::fingerprint(checkpoint);
  MOXIE_TRY_LET(auto decoder, model::make_decoder(*model::find_family(config.model_type), config, checkpoint, backend,
                                                  options.files, options.executor));
  model::ModelText text = model::read_model_text(checkpoint, path, config.vocab_size);
  return Model(std::make_shared<const State>(
      State{std::move(config), std::move(backend), std::move(decoder), fingerprint, std::move(text)}));
} catch (const std::bad_alloc&) {
  return Status(Code::kNoMemory, "Model::load", "memory for the model", "a refusal from the system");
}

const ModelConfig& Model::config() const noexcept { return state_->config; }
const Backend& Model::backend() const noexcept { return state_->backend; }
KvShape Model::kv_shape() const noexcept { return state_->decoder->kv_shape(); }
std::uint64_t Model::fingerprint() const noexcept { return state_->fingerprint; }
const model::Decoder& Model::decoder() const noexcept { return *state_->decoder; }
const Result<Tokenizer>& Model::tokenizer() const noexcept { return state_->text.tokenizer; }
const Result<CheckpointTemplate>& Model::chat_template() const noexcept { return state_->text.chat_template; }
const Result<std::vector<TokenId>>& Model::end_tokens() const noexcept { return state_->text.end_tokens; }
const Result<RecommendedSampling>& Model::recommended_sampling() const noexcept {
  return state_->text.recommended_sampling;
}

Result<std::vector<WeightPath>> Model::weight_paths() const noexcept try {
  std::vector<WeightPath> paths;
  state_->decoder->each_linear([&](const Linear& linear) {
    auto found = std::ranges::find(paths, linear.path(), &WeightPath::path);
    if (found == paths.end()) found = paths.insert(paths.end(), {std::string(linear.path()), 0, 0});
    ++found->count;
    found->bytes += linear.bytes();
  });
  return paths;
} catch (const std::bad_alloc&) {
  return Status(Code::kNoMemory, "Model::weight_paths", "memory for a report", "a refusal from the system");
}

}  // namespace moxie
