// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <moxie/core/guard.hpp>
#include <moxie/expert/any_expert.hpp>
#include <moxie/model/adapter.hpp>
#include <moxie/model/model.hpp>
#include <moxie/model/route_sink.hpp>
#include <moxie/router/any_router.hpp>

namespace moxie::inline abi1 {

namespace model {
struct AdapterTarget;
struct Edits;
struct PathwayAccess;
}  // namespace model

/// What makes an added expert's logit of a row: their dot product, and a bias. A column of a router's gate.
struct RouterRow {
  std::vector<float> weights;  ///< [D]
  float bias = 0.0f;
};

/// One expert of a layer, as a pathway has it.
struct ExpertInfo {
  enum class Origin : std::uint8_t {
    kCheckpoint,  ///< the model's own
    kReplaced,    ///< the host's, in a checkpoint's place
    kAdded,       ///< beyond the checkpoint's
  };
  Origin origin = Origin::kCheckpoint;
  std::uint64_t bytes = 0;      ///< of its packed weights; 0: a host's
  std::size_t inner_width = 0;  ///< H; 0: a host's
  std::string path;             ///< what carries it: "native avx512 bf16"; empty: a host's
};

/// A layer with experts, as a pathway has it.
struct ExpertLayerInfo {
  std::size_t layer = 0;
  std::size_t width = 0;              ///< D
  std::size_t experts_per_token = 0;  ///< K of its router
  bool own_router = true;             ///< the checkpoint's, neither replaced nor wrapped
  bool row_local = true;
  std::vector<ExpertInfo> experts;
};

/// A model with edits laid over it; the model itself never changes. A context belongs to one pathway, and its pages
/// carry the pathway's hash. Contexts on different pathways of one model run in one step and share its weights.
///
///     MOXIE_TRY_LET(Pathway edited, Pathway(model).replace_expert({.layer = 5, .expert = 17}, Doubler{}));
///     MOXIE_TRY_LET(Context context, kernel.open(edited));
///
/// An edit gives a new pathway and leaves this one as it is; it is undone by dropping the new one. A host's expert
/// computes the rows for which the router chose it, and its output is added where the checkpoint's would be: one that
/// computes the same changes no bit, and another changes only the rows that chose it, up to the next layer. A host's
/// router chooses for the rows of its pathway's contexts; so one that decides the same changes no bit either.
///
/// Routers are edited in the order of the calls: a wrapper goes around what is there, and what is masked stays masked
/// when experts are added later. A router that replaces another takes the place of all that was around it.
///
///     MOXIE_TRY_LET(Pathway frugal, Pathway(model).cap_experts(4));              // every layer
///     MOXIE_TRY_LET(Pathway without, frugal.drop_expert({.layer = 5, .expert = 17}));
///
/// Errors   kNotFound: the layer has no experts, or not so many.  kShape: an expert of another width than the layer's,
///          a router of other logits or experts.  kInvalidArgument: no sink.  kNoMemory.  What the host's parts return
///          or throw later is told by the requests that reach them.
/// Threads  a cheap value; may be used from any thread.
class MOXIE_API Pathway {
 public:
  explicit Pathway(Model model) noexcept : model_(std::move(model)) {}

  [[nodiscard]] const Model& model() const noexcept { return model_; }
  /// Of the model, of what its bits depend on besides, and of every edit in order that may change them; without such
  /// edits, Model::identity().
  [[nodiscard]] std::uint64_t hash() const noexcept;

  /// The expert keeps the row law (testing/expert_laws.hpp) and may be called from many threads at once. Its `id` names
  /// it in the hash, so that pathways made of equal edits have equal hashes, also in another process. Without an id the
  /// hash is this pathway's own, as long as it or a context of it lives.
  template <Expert E>
  MOXIE_OPTION_TAG Result<Pathway> replace_expert(ExpertSlot slot, E expert, std::string_view id = {}) const noexcept {
    return replace(slot, AnyExpert::create(std::move(expert)), id);
  }

  /// The router (testing/router_laws.hpp) sees the layer's logits, hidden rows and positions, and chooses among all of
  /// its experts, those of the host included; its K may be another than the checkpoint's. Model::router() is the
  /// checkpoint's own, for a router that wraps it. `id` as above.
  ///
  /// A router that is not row-local sees all rows of a step whose contexts have it, in one call. The rows' bits then
  /// depend on what else runs in a step and how prompts were cut: the pathway is host-dependent.
  template <Router R>
  MOXIE_OPTION_TAG Result<Pathway> replace_router(std::size_t layer, R router,
                                                  std::string_view id = {}) const noexcept {
    return replace(layer, AnyRouter::create(std::move(router)), id);
  }
  /// The expert and the router that this pathway has there, the checkpoint's or others: what the next edit may wrap.
  [[nodiscard]] Result<AnyExpert> expert(ExpertSlot slot) const noexcept;
  [[nodiscard]] Result<AnyRouter> router(std::size_t layer) const noexcept;
  /// Every layer with experts.
  [[nodiscard]] Result<std::vector<ExpertLayerInfo>> layers() const noexcept;

  /// `wrap(AnyExpert)` gives the expert that stands for the one that is there, or a Result of it:
  ///
  ///     pathway.wrap_expert(slot, [](AnyExpert own) { return Louder{std::move(own)}; }, "louder")
  template <class Wrap>
  MOXIE_OPTION_TAG Result<Pathway> wrap_expert(ExpertSlot slot, Wrap&& wrap, std::string_view id = {}) const noexcept {
    MOXIE_TRY_LET(AnyExpert own, expert(slot));
    return replace(slot, guarded_make<AnyExpert>("Pathway::wrap_expert", [&] { return wrap(std::move(own)); }), id);
  }
  /// `wrap(AnyRouter)` likewise. It is kept, and called again where the layer gets further experts.
  ///
  ///     pathway.wrap_router(5, [](AnyRouter own) { return Masked<AnyRouter>::create(std::move(own), {3}); }, "no 3")
  template <class Wrap>
  MOXIE_OPTION_TAG Result<Pathway> wrap_router(std::size_t layer, Wrap wrap, std::string_view id = {}) const noexcept {
    return wrap_at(layer, kept_wrap(std::move(wrap)), "wrap router", id);
  }
  /// In every layer with experts.
  template <class Wrap>
  MOXIE_OPTION_TAG Result<Pathway> wrap_routers(Wrap wrap, std::string_view id = {}) const noexcept {
    return wrap_all(kept_wrap(std::move(wrap)), "wrap router", id);
  }

  /// Rows go elsewhere: the router never chooses the expert, and takes its next best.
  [[nodiscard]] Result<Pathway> drop_expert(ExpertSlot slot) const noexcept;
  /// At most `most` experts for each row, the best, in one layer or in all. A layer that has fewer keeps them.
  ///
  /// Errors   kInvalidArgument for 0; kUnsupported: a host's router without weigh() (WeighingRouter).
  [[nodiscard]] Result<Pathway> cap_experts(std::size_t layer, std::size_t most) const noexcept;
  [[nodiscard]] Result<Pathway> cap_experts(std::size_t most) const noexcept;
  /// Adds to the expert's logit: towards it, or away from it.
  ///
  /// Errors   kInvalidArgument for a bias that is not finite.
  [[nodiscard]] Result<Pathway> bias_expert(ExpertSlot slot, float bias) const noexcept;

  /// One more expert in the layer, whose number is the next: layers() says how many there are. Its router row makes its
  /// logit, and the checkpoint's router, with all that is around it, chooses among all of them by its formula.
  ///
  /// Errors   kShape: a row of another width than the layer's.  kInvalidArgument: a row that is not finite.
  ///          kUnsupported: a router that chooses by groups, or that a host replaced.
  template <Expert E>
  MOXIE_OPTION_TAG Result<Pathway> add_expert(std::size_t layer, E expert, RouterRow row,
                                              std::string_view id = {}) const noexcept {
    return add(layer, AnyExpert::create(std::move(expert)), std::move(row), id);
  }
  /// An expert of another checkpoint of the same width, with its router row: how experts that were trained apart are
  /// put together. Its weights are shared with that model, which is kept. Of a gate with a bias, or a quantized one,
  /// the row is right up to the rounding of its last bit.
  ///
  /// Errors   as add_expert(), and kNotFound: the other model has no such expert.
  /// Source   FlexOlmo: Shi et al., "Open Language Models for Flexible Data Use", 2025.
  [[nodiscard]] Result<Pathway> adopt_expert(std::size_t layer, const Model& from, ExpertSlot slot) const noexcept;

  /// What a fine-tune adds to the checkpoint's matrices, `weight` times. Several add up, in the order of the calls.
  ///
  /// Errors   kNotFound: a layer, expert or matrix that the model does not have.  kShape: matrices of other widths.
  ///          kUnsupported: an expert that a host replaced, latent attention.  kInvalidArgument: a weight that is not
  ///          finite.
  [[nodiscard]] Result<Pathway> add_adapter(const Adapter& adapter, float weight = 1.0f) const noexcept;

  /// Whether the row law is lost: a router is not row-local. Contexts are opened on such a pathway only with
  /// ContextOptions::host_dependent, and what they computed is nobody else's.
  [[nodiscard]] bool host_dependent() const noexcept;

  /// Tells the sink what the routers of all layers decide, whoever made them, in place of a sink that was there. That
  /// changes no bit, and so the hash stays.
  [[nodiscard]] Result<Pathway> record(std::shared_ptr<RouteSink> sink) const noexcept;

 private:
  friend struct model::PathwayAccess;
  using RouterWrap = std::function<Result<AnyRouter>(AnyRouter)>;
  struct Found;
  Status adapt_expert(model::Edits& edits, const model::AdapterTarget& target, ExpertSlot slot, std::size_t which,
                      float weight) const;
  [[nodiscard]] Result<Found> find(std::string_view where, std::size_t layer) const noexcept;
  [[nodiscard]] Result<Found> find(std::string_view where, ExpertSlot slot) const noexcept;

  /// What `make` gives, a T or a Result of it, erased.
  template <class Any, class Make>
  MOXIE_OPTION_TAG static Result<Any> guarded_make(std::string_view where, Make&& make) noexcept {
    Result<Any> made = Status(Code::kInternal, where, "a part", "none");
    const Status status = guarded(where, [&]() -> Status {
      auto part = make();
      if constexpr (requires { typename decltype(part)::Value; }) {
        if (!part.ok()) return part.status();
        made = Any::create(*std::move(part));
      } else {
        made = Any::create(std::move(part));
      }
      return {};
    });
    if (!status.ok()) return status;
    return made;
  }
  template <class Wrap>
  MOXIE_OPTION_TAG static Result<RouterWrap> kept_wrap(Wrap wrap) noexcept {
    RouterWrap kept;
    const Status done = guarded("Pathway::wrap_router", [&]() -> Status {
      kept = [wrap = std::move(wrap)](AnyRouter own) {
        return guarded_make<AnyRouter>("Pathway::wrap_router", [&] { return wrap(std::move(own)); });
      };
      return {};
    });
    MOXIE_TRY(done);
    return kept;
  }

  [[nodiscard]] Result<Pathway> wrap_at(std::size_t layer, Result<RouterWrap> wrap, std::string_view what,
                                        std::string_view id) const noexcept;
  [[nodiscard]] Result<Pathway> wrap_all(Result<RouterWrap> wrap, std::string_view what,
                                         std::string_view id) const noexcept;
  [[nodiscard]] Result<Pathway> add(std::size_t layer, Result<AnyExpert> made, RouterRow row,
                                    std::string_view id) const noexcept;
  [[nodiscard]] Result<Pathway> replace(ExpertSlot slot, Result<AnyExpert> made, std::string_view id) const noexcept;
  [[nodiscard]] Result<Pathway> replace(std::size_t layer, Result<AnyRouter> made, std::string_view id) const noexcept;
  template <class Change>
  [[nodiscard]] Result<Pathway> edit(std::string_view where, Change&& change) const noexcept;

  Model model_;
  std::shared_ptr<const model::Edits> edits_;  // null: none
};

}  // namespace moxie
