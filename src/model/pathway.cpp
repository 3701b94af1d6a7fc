// SPDX-License-Identifier: Apache-2.0
#include <moxie/model/pathway.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <moxie/core/guard.hpp>
#include <moxie/router/biased.hpp>
#include <moxie/router/capped.hpp>

#include "model/adapter/adapter_access.hpp"
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

namespace {

using model::BlockEdits;
using model::MixtureBlock;

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

/// The block's experts, with those that were added.
std::size_t count_experts(const MixtureBlock& block, const BlockEdits& edits) noexcept {
  return block.bank->size() + edits.num_added();
}

/// Makes the block's router anew: its base, with all wraps around it.
Status make_router(std::string_view where, const Model& model, const MixtureBlock& block, BlockEdits& edits) {
  if (!edits.base && edits.wraps.empty() && edits.added == nullptr) {
    edits.router = nullptr;
    return {};
  }
  const std::size_t N = count_experts(block, edits);
  const std::size_t L = block.gate->out_width() + edits.num_added();
  const auto base = [&]() -> Result<AnyRouter> {
    if (edits.base) return *edits.base;
    if (edits.added == nullptr) return model.router(block.layer);
    TopKOptions options = block.router->options();
    if (options.num_groups > 1) {
      return Status(Code::kUnsupported, where, "a router without groups of experts, where experts are added",
                    Text(options.num_groups, " groups in layer ", block.layer));
    }
    options.num_experts = N;
    if (!options.selection_bias.empty()) options.selection_bias.resize(N);
    MOXIE_TRY_LET(TopK router, TopK::create(std::move(options)));
    return AnyRouter::create(std::move(router));
  };
  MOXIE_TRY_LET(AnyRouter router, base());
  for (const auto& wrap : edits.wraps) {
    MOXIE_TRY_LET(router, wrap(router));
  }
  const std::size_t K = router.experts_per_token();
  if (router.num_logits() != L || router.num_experts() != N || K == 0 || K > N) {
    return Status(Code::kShape, where,
                  Text("a router of ", L, " logits to at most all of ", N, " experts, as layer ", block.layer, " has"),
                  Text(router.num_logits(), " logits to ", K, " of ", router.num_experts(), " experts"));
  }
  edits.router = std::make_shared<const model::HostRouter>(
      model::HostRouter{.by = router, .slots = K, .logits = L, .row_local = router.row_local()});
  return {};
}

/// Puts an expert in the place of the one with its number, or behind the last.
void put(std::vector<model::HostExpert>& experts, std::size_t expert, const AnyExpert& by) {
  const auto at = std::ranges::lower_bound(experts, expert, {}, &model::HostExpert::expert);
  if (at != experts.end() && at->expert == expert) {
    *at = {.expert = expert, .by = by};
  } else {
    experts.insert(at, {.expert = expert, .by = by});
  }
}

Status check_width(std::string_view where, const MixtureBlock& block, std::size_t width) {
  if (width == block.bank->width()) return {};
  return Status(Code::kShape, where,
                Text("an expert of width ", block.bank->width(), ", as layer ", block.layer, " has"),
                Text("width ", width));
}

/// Column `expert` of a gate: what it makes of unit rows, less what it makes of nothing.
Result<RouterRow> router_row(const Linear& gate, std::size_t expert) {
  constexpr std::size_t kRows = 64;
  const std::size_t D = gate.in_width();
  MOXIE_TRY_LET(const AlignedBuffer memory, AlignedBuffer::create(gate.scratch_bytes(kRows)));
  Workspace ws(memory.bytes());
  std::vector<float> units(kRows * D);
  std::vector<float> logits(kRows * gate.out_width());
  RouterRow row{.weights = std::vector<float>(D), .bias = 0.0f};
  MOXIE_TRY(gate.apply(ConstRows(units.data(), 1, D), Rows(logits.data(), 1, gate.out_width()), ws));
  row.bias = logits[expert];
  for (std::size_t begin = 0; begin < D; begin += kRows) {
    const std::size_t count = std::min(kRows, D - begin);
    for (std::size_t i = 0; i < count; ++i) units[i * D + begin + i] = 1.0f;
    const Rows made(logits.data(), count, gate.out_width());
    MOXIE_TRY(gate.apply(ConstRows(units.data(), count, D), made, ws));
    for (std::size_t i = 0; i < count; ++i) {
      row.weights[begin + i] = made[i][expert] - row.bias;
      units[i * D + begin + i] = 0.0f;
    }
  }
  return row;
}

}  // namespace

/// A pathway with a copy of the edits that `change(copy)` changed. It lets std::bad_alloc through.
template <class Change>
Result<Pathway> Pathway::edit(std::string_view where, Change&& change) const noexcept {
  Pathway edited = *this;
  const Status done = guarded(where, [&]() -> Status {
    auto edits = edits_ == nullptr ? std::make_shared<model::Edits>() : std::make_shared<model::Edits>(*edits_);
    edits->blocks.resize(model::ModelAccess::decoder(model_).mixture_blocks().size());
    MOXIE_TRY(change(*edits));
    edits->host_dependent = std::ranges::any_of(
        edits->blocks, [](const BlockEdits& b) { return b.router != nullptr && !b.router->row_local; });
    edited.edits_ = std::move(edits);
    return {};
  });
  MOXIE_TRY(done);
  return edited;
}

/// The block of the layer, what this pathway has there, and its number.
struct Pathway::Found {
  const MixtureBlock* block;
  const BlockEdits* edits;  ///< null: none
  std::size_t index;

  [[nodiscard]] std::size_t experts() const noexcept {
    return block->bank->size() + (edits == nullptr ? 0 : edits->num_added());
  }
};

Result<Pathway::Found> Pathway::find(std::string_view where, std::size_t layer) const noexcept {
  const model::Decoder& decoder = model::ModelAccess::decoder(model_);
  MOXIE_TRY_LET(const std::size_t index, model::find_block(where, decoder, layer));
  return Found{&decoder.mixture_blocks()[index], edits_ == nullptr ? nullptr : &edits_->blocks[index], index};
}

Result<Pathway::Found> Pathway::find(std::string_view where, ExpertSlot slot) const noexcept {
  MOXIE_TRY_LET(const Found found, find(where, slot.layer));
  if (slot.expert < found.experts()) return found;
  return Status(Code::kNotFound, where, Text("an expert in [0, ", found.experts(), ") of layer ", slot.layer),
                Text(slot.expert));
}

Result<AnyExpert> Pathway::expert(ExpertSlot slot) const noexcept {
  MOXIE_TRY_LET(const Found found, find("Pathway::expert", slot));
  const AnyExpert* const by = found.edits == nullptr ? nullptr : found.edits->replacement_of(slot.expert);
  if (by != nullptr) return *by;
  return model_.expert(slot);
}

Result<AnyRouter> Pathway::router(std::size_t layer) const noexcept {
  MOXIE_TRY_LET(const Found found, find("Pathway::router", layer));
  if (found.edits != nullptr && found.edits->router != nullptr) return found.edits->router->by;
  return model_.router(layer);
}

Result<std::vector<ExpertLayerInfo>> Pathway::layers() const noexcept {
  std::vector<ExpertLayerInfo> layers;
  const Status done = guarded("Pathway::layers", [&]() -> Status {
    for (const MixtureBlock& block : model::ModelAccess::decoder(model_).mixture_blocks()) {
      MOXIE_TRY_LET(const Found found, find("Pathway::layers", block.layer));
      MOXIE_TRY_LET(const AnyRouter router, this->router(block.layer));
      ExpertLayerInfo info{.layer = block.layer,
                           .width = block.bank->width(),
                           .experts_per_token = router.experts_per_token(),
                           .own_router = found.edits == nullptr || found.edits->router == nullptr,
                           .row_local = router.row_local(),
                           .experts = {}};
      for (std::size_t e = 0; e < found.experts(); ++e) {
        ExpertInfo expert;
        if (found.edits != nullptr && found.edits->replacement_of(e) != nullptr) {
          expert.origin = e < block.bank->size() ? ExpertInfo::Origin::kReplaced : ExpertInfo::Origin::kAdded;
        } else {
          const auto& own = (*block.bank)[e];
          expert.bytes = own.gate().bytes() + own.up().bytes() + own.down().bytes();
          expert.inner_width = own.inner_width();
          expert.path = own.gate().path();
          if (own.down().path() != own.gate().path()) expert.path += ", " + std::string(own.down().path());
        }
        info.experts.push_back(std::move(expert));
      }
      layers.push_back(std::move(info));
    }
    return {};
  });
  MOXIE_TRY(done);
  return layers;
}

Result<Pathway> Pathway::replace(ExpertSlot slot, Result<AnyExpert> made, std::string_view id) const noexcept {
  constexpr std::string_view kWhere = "Pathway::replace_expert";
  MOXIE_TRY_LET(const AnyExpert expert, std::move(made));
  MOXIE_TRY_LET(const Found found, find(kWhere, slot));
  MOXIE_TRY(check_width(kWhere, *found.block, expert.width()));
  return edit(kWhere, [&](model::Edits& edits) -> Status {
    put(edits.blocks[found.index].experts, slot.expert, expert);
    rehash(edits, hash(), "replace expert", slot, id);
    return {};
  });
}

Result<Pathway> Pathway::replace(std::size_t layer, Result<AnyRouter> made, std::string_view id) const noexcept {
  constexpr std::string_view kWhere = "Pathway::replace_router";
  MOXIE_TRY_LET(const AnyRouter router, std::move(made));
  MOXIE_TRY_LET(const Found found, find(kWhere, layer));
  return edit(kWhere, [&](model::Edits& edits) -> Status {
    BlockEdits& block = edits.blocks[found.index];
    block.base = router;
    block.wraps.clear();
    block.dropped.clear();
    MOXIE_TRY(make_router(kWhere, model_, *found.block, block));
    rehash(edits, hash(), "replace router", {.layer = layer, .expert = 0}, id);
    return {};
  });
}

Result<Pathway> Pathway::wrap_at(std::size_t layer, Result<RouterWrap> made, std::string_view what,
                                 std::string_view id) const noexcept {
  constexpr std::string_view kWhere = "Pathway::wrap_router";
  MOXIE_TRY_LET(const RouterWrap wrap, std::move(made));
  MOXIE_TRY_LET(const Found found, find(kWhere, layer));
  return edit(kWhere, [&](model::Edits& edits) -> Status {
    BlockEdits& block = edits.blocks[found.index];
    block.wraps.push_back(wrap);
    MOXIE_TRY(make_router(kWhere, model_, *found.block, block));
    rehash(edits, hash(), what, {.layer = layer, .expert = 0}, id);
    return {};
  });
}

Result<Pathway> Pathway::wrap_all(Result<RouterWrap> made, std::string_view what, std::string_view id) const noexcept {
  constexpr std::string_view kWhere = "Pathway::wrap_routers";
  MOXIE_TRY_LET(const RouterWrap wrap, std::move(made));
  const auto blocks = model::ModelAccess::decoder(model_).mixture_blocks();
  if (blocks.empty()) return Status(Code::kNotFound, kWhere, "a model with experts", "one without");
  return edit(kWhere, [&](model::Edits& edits) -> Status {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      edits.blocks[i].wraps.push_back(wrap);
      MOXIE_TRY(make_router(kWhere, model_, blocks[i], edits.blocks[i]));
    }
    rehash(edits, hash(), what, {.layer = blocks.size(), .expert = 1}, id);  // no layer's
    return {};
  });
}

Result<Pathway> Pathway::drop_expert(ExpertSlot slot) const noexcept {
  constexpr std::string_view kWhere = "Pathway::drop_expert";
  MOXIE_TRY_LET(const Found found, find(kWhere, slot));
  return edit(kWhere, [&](model::Edits& edits) -> Status {
    BlockEdits& block = edits.blocks[found.index];
    if (std::ranges::find(block.dropped, slot.expert) == block.dropped.end()) block.dropped.push_back(slot.expert);
    if (block.dropped.size() == found.experts()) {
      return Status(Code::kInvalidArgument, kWhere, Text("an expert left in layer ", slot.layer), "none");
    }
    MOXIE_TRY_LET(RouterWrap wrap, kept_wrap([expert = slot.expert](AnyRouter own) {
                    return Masked<AnyRouter>::create(std::move(own), {expert});
                  }));
    block.wraps.push_back(std::move(wrap));
    MOXIE_TRY(make_router(kWhere, model_, *found.block, block));
    rehash(edits, hash(), "drop expert", slot, "own");
    return {};
  });
}

namespace {

auto capped(std::size_t most) {
  return [most](AnyRouter own) {
    const std::size_t kept = std::min(most, own.experts_per_token());
    return Capped<AnyRouter>::create(std::move(own), kept);
  };
}

}  // namespace

Result<Pathway> Pathway::cap_experts(std::size_t layer, std::size_t most) const noexcept {
  return wrap_at(layer, kept_wrap(capped(most)), "cap experts", Text(most));
}
Result<Pathway> Pathway::cap_experts(std::size_t most) const noexcept {
  return wrap_all(kept_wrap(capped(most)), "cap experts", Text(most));
}

Result<Pathway> Pathway::bias_expert(ExpertSlot slot, float bias) const noexcept {
  MOXIE_TRY(find("Pathway::bias_expert", slot).status());
  if (!std::isfinite(bias)) {
    return Status(Code::kInvalidArgument, "Pathway::bias_expert", "a finite bias", Text(bias));
  }
  const auto biased = [expert = slot.expert, bias](AnyRouter own) {
    std::vector<float> all(own.num_experts());
    all[expert] = bias;
    return Biased<AnyRouter>::create(std::move(own), std::move(all));
  };
  return wrap_at(slot.layer, kept_wrap(biased), "bias expert", Text(slot.expert, " by ", bias));
}

Result<Pathway> Pathway::add(std::size_t layer, Result<AnyExpert> made, RouterRow row,
                             std::string_view id) const noexcept {
  constexpr std::string_view kWhere = "Pathway::add_expert";
  MOXIE_TRY_LET(const AnyExpert expert, std::move(made));
  MOXIE_TRY_LET(const Found found, find(kWhere, layer));
  MOXIE_TRY(check_width(kWhere, *found.block, expert.width()));
  const std::size_t D = found.block->gate->in_width();
  if (row.weights.size() != D) {
    return Status(Code::kShape, kWhere, Text("a router row of ", D, " numbers, as layer ", layer, " has"),
                  Text(row.weights.size()));
  }
  for (std::size_t d = 0; d <= D; ++d) {
    const float number = d < D ? row.weights[d] : row.bias;
    if (!std::isfinite(number)) {
      return Status(Code::kInvalidArgument, kWhere, "a router row of finite numbers",
                    d < D ? Text(number, " at ", d) : Text("a bias of ", number));
    }
  }
  if (found.edits != nullptr && found.edits->base) {
    return Status(Code::kUnsupported, kWhere,
                  Text("the checkpoint's own router in layer ", layer, ", or one around it"),
                  "one that a host put in its place: it chooses among the experts that were there");
  }
  return edit(kWhere, [&](model::Edits& edits) -> Status {
    BlockEdits& block = edits.blocks[found.index];
    auto rows = block.added == nullptr ? std::make_shared<model::AddedRows>()
                                       : std::make_shared<model::AddedRows>(*block.added);
    rows->width = D;
    rows->weights.insert(rows->weights.end(), row.weights.begin(), row.weights.end());
    rows->biases.push_back(row.bias);
    put(block.experts, found.experts(), expert);
    block.added = std::move(rows);
    MOXIE_TRY(make_router(kWhere, model_, *found.block, block));
    rehash(edits, hash(), "add expert", {.layer = layer, .expert = found.experts()}, id);
    return {};
  });
}

Result<Pathway> Pathway::adopt_expert(std::size_t layer, const Model& from, ExpertSlot slot) const noexcept {
  constexpr std::string_view kWhere = "Pathway::adopt_expert";
  const model::Decoder& decoder = model::ModelAccess::decoder(from);
  MOXIE_TRY_LET(const std::size_t block, model::find_expert(kWhere, decoder, slot));
  RouterRow row;
  const Status done = guarded(kWhere, [&]() -> Status {
    MOXIE_TRY_LET(row, router_row(*decoder.mixture_blocks()[block].gate, slot.expert));
    return {};
  });
  MOXIE_TRY(done);
  return add(layer, from.expert(slot), std::move(row),
             Text("adopted ", from.identity(), " ", slot.layer, " ", slot.expert));
}

namespace {

/// What there is, and `weight` times the target's change on it.
Result<std::shared_ptr<const LowRank>> stack(const std::shared_ptr<const LowRank>& before,
                                             const model::AdapterTarget& target, const Linear& matrix, float weight) {
  const LowRank& change = target.change;
  if (change.in_width() != matrix.in_width() || change.out_width() != matrix.out_width()) {
    return Status(Code::kShape, Text("Pathway::add_adapter: ", target.name),
                  Text("a change of [", matrix.out_width(), ", ", matrix.in_width(), "]"),
                  Text("[", change.out_width(), ", ", change.in_width(), "]"));
  }
  // Nothing first, so that the weight is on the change alone.
  MOXIE_TRY_LET(LowRank made, before == nullptr
                                  ? LowRank::none(change.in_width(), change.out_width()).and_then(change, weight)
                                  : before->and_then(change, weight));
  return std::make_shared<const LowRank>(std::move(made));
}

}  // namespace

Result<Pathway> Pathway::add_adapter(const Adapter& adapter, float weight) const noexcept {
  constexpr std::string_view kWhere = "Pathway::add_adapter";
  if (!std::isfinite(weight)) return Status(Code::kInvalidArgument, kWhere, "a finite weight", Text(weight));
  const model::Decoder& decoder = model::ModelAccess::decoder(model_);
  return edit(kWhere, [&](model::Edits& edits) -> Status {
    for (const model::AdapterTarget& target : model::AdapterAccess::parts(adapter).targets) {
      if (const auto* const of_expert = std::get_if<model::ExpertMatrix>(&target.matrix)) {
        MOXIE_TRY(adapt_expert(edits, target, {.layer = target.layer, .expert = of_expert->expert}, of_expert->which,
                               weight));
        continue;
      }
      const model::Matrix name = std::get<model::Matrix>(target.matrix);
      const Linear* const matrix = decoder.matrix(target.layer, name);
      if (matrix == nullptr) {
        return Status(Code::kNotFound, kWhere, "matrices that the model has, and uses as they lie", target.name);
      }
      auto at = std::ranges::find_if(edits.changes, [&](const model::MatrixChange& change) {
        return change.layer == target.layer && change.matrix == name;
      });
      if (at == edits.changes.end()) at = edits.changes.insert(at, {target.layer, name, nullptr});
      MOXIE_TRY_LET(at->by, stack(at->by, target, *matrix, weight));
    }
    rehash(edits, hash(), "add adapter", {}, Text(adapter.hash(), " times ", weight));
    return {};
  });
}

Status Pathway::adapt_expert(model::Edits& edits, const model::AdapterTarget& target, ExpertSlot slot,
                             std::size_t which, float weight) const {
  constexpr std::string_view kWhere = "Pathway::add_adapter";
  const model::Decoder& decoder = model::ModelAccess::decoder(model_);
  MOXIE_TRY_LET(const std::size_t block, model::find_expert(kWhere, decoder, slot));
  std::vector<model::HostExpert>& experts = edits.blocks[block].experts;
  auto at = std::ranges::lower_bound(experts, slot.expert, {}, &model::HostExpert::expert);
  const bool there = at != experts.end() && at->expert == slot.expert;
  if (there && !at->is_adapted()) {
    return Status(Code::kUnsupported, kWhere, "experts of the checkpoint",
                  Text("expert ", slot.expert, " of layer ", slot.layer, ", which a host replaced"));
  }
  const auto& own = (*decoder.mixture_blocks()[block].bank)[slot.expert];
  const std::array<const Linear*, 3> matrices = {&own.gate(), &own.up(), &own.down()};
  auto changes = there ? at->changes : std::array<std::shared_ptr<const LowRank>, 3>{};
  MOXIE_TRY_LET(changes[which], stack(changes[which], target, *matrices[which], weight));
  using Matrix = Adapted<Linear>;
  MOXIE_TRY_LET(auto expert, GatedMlp<Matrix>::create(Matrix(own.gate(), changes[0]), Matrix(own.up(), changes[1]),
                                                      Matrix(own.down(), changes[2]), own.activation()));
  MOXIE_TRY_LET(const AnyExpert by, AnyExpert::create(std::move(expert)));
  if (there) {
    at->by = by;
    at->changes = std::move(changes);
  } else {
    experts.insert(at, {.expert = slot.expert, .by = by, .changes = std::move(changes)});
  }
  return {};
}

Result<Pathway> Pathway::record(std::shared_ptr<RouteSink> sink) const noexcept {
  constexpr std::string_view kWhere = "Pathway::record";
  if (sink == nullptr) return Status(Code::kInvalidArgument, kWhere, "a sink", "null");
  if (model::ModelAccess::decoder(model_).mixture_blocks().empty()) {
    return Status(Code::kNotFound, kWhere, "a model with experts", "one without");
  }
  return edit(kWhere, [&](model::Edits& edits) -> Status {
    for (BlockEdits& block : edits.blocks) block.sink = sink;
    edits.hash = hash();
    edits.origin = edits_;
    return {};
  });
}

}  // namespace moxie
