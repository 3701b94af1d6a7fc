// SPDX-License-Identifier: Apache-2.0
#include <moxie/model/model.hpp>

#include <algorithm>
#include <new>

#include "model/families/family.hpp"
#include "model/load/build.hpp"
#include "model/load/config.hpp"
#include "model/load/fingerprint.hpp"
#include "model/load/fnv_hash.hpp"
#include "model/load/model_text.hpp"
#include "model/load/numerics.hpp"
#include "model/model_access.hpp"
#include "model/pathway_access.hpp"

namespace moxie::inline abi1 {

struct Model::State {
  State(ModelConfig config_in, Backend backend_in, model::Built built, std::uint64_t fingerprint_in,
        model::ModelText text_in)
      : config(std::move(config_in)),
        backend(std::move(backend_in)),
        decoder(std::move(built.decoder)),
        unread(std::move(built.unread)),
        fingerprint(fingerprint_in),
        text(std::move(text_in)) {
    bool by_onednn = false;
    decoder->each_linear([&](const Linear& linear) { by_onednn = by_onednn || linear.path().starts_with("onednn"); });
    numerics = model::numerics(backend, by_onednn);
    model::FnvHash hash;
    hash.add(fingerprint);
    hash.add(std::string_view(numerics));
    identity = hash.value();
  }

  ModelConfig config;
  Backend backend;
  std::unique_ptr<const model::Decoder> decoder;
  std::vector<UnreadTensors> unread;
  std::uint64_t fingerprint;
  std::uint64_t identity = 0;
  std::string numerics;
  model::ModelText text;
  mutable model::Attachments attachments;  // last, so that it goes before what it uses
};

Result<Model> Model::load(const std::filesystem::path& path, const ModelOptions& options) noexcept try {
  MOXIE_TRY_LET(const Checkpoint checkpoint, Checkpoint::open(path, options.files));
  const bool gguf = checkpoint.kind() == CheckpointKind::kGguf;
  MOXIE_TRY_LET(ModelConfig config,
                gguf ? model::read_gguf_config(checkpoint) : model::read_config(checkpoint.config_json()));
  MOXIE_TRY_LET(Backend backend, Backend::create(options.backend));
  const std::uint64_t fingerprint = model::fingerprint(checkpoint);
  MOXIE_TRY_LET(model::Built built, model::make_decoder(*model::find_family(config.model_type), config, checkpoint,
                                                        backend, options.files, options.executor));
  model::ModelText text = model::read_model_text(checkpoint, path, config.vocab_size);
  return Model(std::make_shared<const State>(std::move(config), std::move(backend), std::move(built), fingerprint,
                                             std::move(text)));
} catch (const std::bad_alloc&) {
  return Status(Code::kNoMemory, "Model::load", "memory for the model", "a refusal from the system");
}

const ModelConfig& Model::config() const noexcept { return state_->config; }
const Backend& Model::backend() const noexcept { return state_->backend; }
KvShape Model::kv_shape() const noexcept { return state_->decoder->kv_shape(); }
std::uint64_t Model::fingerprint() const noexcept { return state_->fingerprint; }
std::string_view Model::numerics() const noexcept { return state_->numerics; }
std::uint64_t Model::identity() const noexcept { return state_->identity; }
const Result<Tokenizer>& Model::tokenizer() const noexcept { return state_->text.tokenizer; }
const Result<CheckpointTemplate>& Model::chat_template() const noexcept { return state_->text.chat_template; }
const Result<std::vector<TokenId>>& Model::end_tokens() const noexcept { return state_->text.end_tokens; }
const Result<RecommendedSampling>& Model::recommended_sampling() const noexcept {
  return state_->text.recommended_sampling;
}

Result<AnyExpert> Model::expert(ExpertSlot slot) const noexcept {
  MOXIE_TRY_LET(const std::size_t block, model::find_expert("Model::expert", *state_->decoder, slot));
  const moxie::moe::FusedBank& bank = *state_->decoder->mixture_blocks()[block].bank;
  return AnyExpert::share(std::shared_ptr<const moxie::moe::FusedBank::Mlp>(state_, &bank[slot.expert]));
}

Result<AnyRouter> Model::router(std::size_t layer) const noexcept {
  MOXIE_TRY_LET(const std::size_t block, model::find_block("Model::router", *state_->decoder, layer));
  return AnyRouter::share(std::shared_ptr<const TopK>(state_, state_->decoder->mixture_blocks()[block].router));
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

std::span<const UnreadTensors> Model::unread() const noexcept { return state_->unread; }

namespace model {

const Decoder& ModelAccess::decoder(const Model& model) noexcept { return *model.state_->decoder; }
Attachments& ModelAccess::attachments(const Model& model) noexcept { return model.state_->attachments; }
std::shared_ptr<const void> ModelAccess::owner(const Model& model) noexcept { return model.state_; }

std::optional<Model> ModelAccess::model_of(std::shared_ptr<const void> owner) noexcept {
  if (owner == nullptr) return std::nullopt;
  return Model(std::static_pointer_cast<const Model::State>(std::move(owner)));
}

void Attachments::put(const void* key, std::shared_ptr<void> what) {
  const std::lock_guard lock(mutex_);
  entries_.emplace_back(key, std::move(what));
}

void Attachments::drop(const void* key) noexcept {
  std::shared_ptr<void> dropped;  // destroyed after the lock is given back
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(entries_, key, &Entry::first);
  if (found == entries_.end()) return;
  dropped = std::move(found->second);
  entries_.erase(found);
}

}  // namespace model

}  // namespace moxie
