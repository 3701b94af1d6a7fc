// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include <moxie/expert/any_expert.hpp>
#include <moxie/model/model.hpp>
#include <moxie/model/route_sink.hpp>
#include <moxie/router/any_router.hpp>

namespace moxie::inline abi1 {

namespace model {
struct Edits;
struct PathwayAccess;
}  // namespace model

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
  /// Whether the row law is lost: a router is not row-local. Contexts are opened on such a pathway only with
  /// ContextOptions::host_dependent, and what they computed is nobody else's.
  [[nodiscard]] bool host_dependent() const noexcept;

  /// Tells the sink what the routers of all layers decide, whoever made them, in place of a sink that was there. That
  /// changes no bit, and so the hash stays.
  [[nodiscard]] Result<Pathway> record(std::shared_ptr<RouteSink> sink) const noexcept;

 private:
  friend struct model::PathwayAccess;
  [[nodiscard]] Result<Pathway> replace(ExpertSlot slot, Result<AnyExpert> made, std::string_view id) const noexcept;
  [[nodiscard]] Result<Pathway> replace(std::size_t layer, Result<AnyRouter> made, std::string_view id) const noexcept;
  template <class Change>
  [[nodiscard]] Result<Pathway> edit(std::string_view where, Change&& change) const noexcept;

  Model model_;
  std::shared_ptr<const model::Edits> edits_;  // null: none
};

}  // namespace moxie
