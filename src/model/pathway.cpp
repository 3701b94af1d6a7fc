// SPDX-License-Identifier: Apache-2.0
#include <moxie/model/pathway.hpp>

#include <algorithm>
#include <cstdint>

#include <moxie/core/guard.hpp>

#include "model/load/fnv_hash.hpp"
#include "model/model_access.hpp"
#include "model/pathway_access.hpp"

namespace moxie::inline abi1 {

namespace model {

Result<std::size_t> find_block(std::string_view where, const Decoder& decoder, std::size_t layer) noexcept {
  const auto blocks = decoder.mixture_blocks();
  const auto found = std::ranges::find(blocks, layer, &MixtureBlock::layer);
  if (found != blocks.end()) return static_cast<std::size_t>(found - blocks.begin());
  if (blocks.empty()) return Status(Code::kNotFound, where, "a model with experts", "one without");
  return Status(Code::kNotFound, where, Text("a layer with experts, the first is ", blocks.front().layer),
                Text("layer ", layer));
}

Result<std::size_t> find_expert(std::string_view where, const Decoder& decoder, ExpertSlot slot) noexcept {
  MOXIE_TRY_LET(const std::size_t block, find_block(where, decoder, slot.layer));
  const std::size_t experts = decoder.mixture_blocks()[block].bank->size();
  if (slot.expert >= experts) {
    return Status(Code::kNotFound, where, Text("an expert in [0, ", experts, ") of layer ", slot.layer),
                  Text(slot.expert));
  }
  return block;
}

}  // namespace model

std::uint64_t Pathway::hash() const noexcept { return edits_ == nullptr ? model_.identity() : edits_->hash; }

bool Pathway::host_dependent() const noexcept { return edits_ != nullptr && edits_->host_dependent; }

RouteSink::~RouteSink() = default;

/// A pathway with a copy of the edits that `change(copy)` changed. It lets std::bad_alloc through.
template <class Change>
Result<Pathway> Pathway::edit(std::string_view where, Change&& change) const noexcept {
  Pathway edited = *this;
  MOXIE_TRY(guarded(where, [&]() -> Status {
    auto edits = edits_ == nullptr ? std::make_shared<model::Edits>() : std::make_shared<model::Edits>(*edits_);
    edits->blocks.resize(model::ModelAccess::decoder(model_).mixture_blocks().size());
    change(*edits);
    edits->host_dependent = std::ranges::any_of(
        edits->blocks, [](const model::BlockEdits& b) { return b.router != nullptr && !b.router->row_local; });
    edited.edits_ = std::move(edits);
    return {};
  }));
  return edited;
}

namespace {

/// For an edit that can change a bit, over the hash of what there was before.
void rehash(model::Edits& edits, std::uint64_t before, std::string_view what, ExpertSlot slot, std::string_view id) {
  model::FnvHash hash;
  hash.add(before);
  hash.add(what);
  hash.add(slot.layer);
  hash.add(slot.expert);
  if (id.empty()) {
    hash.add(reinterpret_cast<std::uintptr_t>(&edits));  // nothing else is at this address while it lives
  } else {
    hash.add(id);
  }
  edits.hash = hash.value();
  edits.origin = nullptr;
}

}  // namespace

Result<Pathway> Pathway::replace(ExpertSlot slot, Result<AnyExpert> made, std::string_view id) const noexcept {
  constexpr std::string_view kWhere = "Pathway::replace_expert";
  MOXIE_TRY_LET(const AnyExpert expert, std::move(made));
  const model::Decoder& decoder = model::ModelAccess::decoder(model_);
  MOXIE_TRY_LET(const std::size_t block, model::find_expert(kWhere, decoder, slot));
  const std::size_t width = decoder.mixture_blocks()[block].bank->width();
  if (expert.width() != width) {
    return Status(Code::kShape, kWhere, Text("an expert of width ", width, ", as layer ", slot.layer, " has"),
                  Text("width ", expert.width()));
  }
  return edit(kWhere, [&](model::Edits& edits) {
    std::vector<model::HostExpert>& experts = edits.blocks[block].experts;
    const auto at = std::ranges::lower_bound(experts, slot.expert, {}, &model::HostExpert::expert);
    if (at != experts.end() && at->expert == slot.expert) {
      at->by = expert;
    } else {
      experts.insert(at, {slot.expert, expert});
    }
    rehash(edits, hash(), "replace expert", slot, id);
  });
}

Result<Pathway> Pathway::replace(std::size_t layer, Result<AnyRouter> made, std::string_view id) const noexcept {
  constexpr std::string_view kWhere = "Pathway::replace_router";
  MOXIE_TRY_LET(const AnyRouter router, std::move(made));
  const model::Decoder& decoder = model::ModelAccess::decoder(model_);
  MOXIE_TRY_LET(const std::size_t index, model::find_block(kWhere, decoder, layer));
  const model::MixtureBlock& block = decoder.mixture_blocks()[index];
  const std::size_t N = block.bank->size();
  const std::size_t K = router.experts_per_token();
  if (router.num_logits() != block.num_logits || router.num_experts() != N || K == 0 || K > N) {
    return Status(
        Code::kShape, kWhere,
        Text("a router of ", block.num_logits, " logits to at most all of ", N, " experts, as layer ", layer, " has"),
        Text(router.num_logits(), " logits to ", K, " of ", router.num_experts(), " experts"));
  }
  return edit(kWhere, [&](model::Edits& edits) {
    edits.blocks[index].router = std::make_shared<const model::HostRouter>(
        model::HostRouter{.by = router, .slots = K, .row_local = router.row_local()});
    rehash(edits, hash(), "replace router", {.layer = layer, .expert = 0}, id);
  });
}

Result<Pathway> Pathway::record(std::shared_ptr<RouteSink> sink) const noexcept {
  constexpr std::string_view kWhere = "Pathway::record";
  if (sink == nullptr) return Status(Code::kInvalidArgument, kWhere, "a sink", "null");
  if (model::ModelAccess::decoder(model_).mixture_blocks().empty()) {
    return Status(Code::kNotFound, kWhere, "a model with experts", "one without");
  }
  return edit(kWhere, [&](model::Edits& edits) {
    for (model::BlockEdits& block : edits.blocks) block.sink = sink;
    edits.hash = hash();
    edits.origin = edits_;
  });
}

}  // namespace moxie
