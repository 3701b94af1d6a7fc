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

Result<std::size_t> find_expert(std::string_view where, const Decoder& decoder, ExpertSlot slot) noexcept {
  const auto blocks = decoder.mixture_blocks();
  const auto found = std::ranges::find(blocks, slot.layer, &MixtureBlock::layer);
  if (found == blocks.end()) {
    if (blocks.empty()) return Status(Code::kNotFound, where, "a model with experts", "one without");
    return Status(Code::kNotFound, where, Text("a layer with experts, the first is ", blocks.front().layer),
                  Text("layer ", slot.layer));
  }
  if (slot.expert >= found->bank->size()) {
    return Status(Code::kNotFound, where, Text("an expert in [0, ", found->bank->size(), ") of layer ", slot.layer),
                  Text(slot.expert));
  }
  return static_cast<std::size_t>(found - blocks.begin());
}

}  // namespace model

std::uint64_t Pathway::hash() const noexcept { return edits_ == nullptr ? model_.identity() : edits_->hash; }

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
  Pathway edited = *this;
  MOXIE_TRY(guarded(kWhere, [&]() -> Status {
    auto edits = edits_ == nullptr ? std::make_shared<model::Edits>() : std::make_shared<model::Edits>(*edits_);
    edits->blocks.resize(decoder.mixture_blocks().size());
    std::vector<model::HostExpert>& experts = edits->blocks[block].experts;
    const auto at = std::ranges::lower_bound(experts, slot.expert, {}, &model::HostExpert::expert);
    if (at != experts.end() && at->expert == slot.expert) {
      at->by = expert;
    } else {
      experts.insert(at, {slot.expert, expert});
    }
    model::FnvHash hash;
    hash.add(this->hash());
    hash.add(std::string_view("replace expert"));
    hash.add(slot.layer);
    hash.add(slot.expert);
    if (id.empty()) {
      hash.add(reinterpret_cast<std::uintptr_t>(edits.get()));  // nothing else is at this address while it lives
    } else {
      hash.add(id);
    }
    edits->hash = hash.value();
    edited.edits_ = std::move(edits);
    return {};
  }));
  return edited;
}

}  // namespace moxie
