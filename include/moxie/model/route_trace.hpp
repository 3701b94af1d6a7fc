// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/result.hpp>
#include <moxie/model/pathway.hpp>
#include <moxie/model/route_sink.hpp>
#include <moxie/router/replayed.hpp>
#include <moxie/text/tokenizer.hpp>

namespace moxie::inline abi1 {

/// Which experts worked on which token, and why: what routers decided for the rows of one context, or of several one
/// behind the other. RouteLog makes it, and functions below write, read and compare it.
///
/// A row that a layer did not compute is marked: its first slot holds LayerDecisions::kNotRecorded. In the last layer
/// these are the rows whose logits nobody wanted.
///
/// Shapes   R rows; in a layer K slots, N experts. Tables of a layer have a row for each of tokens.
struct RouteTrace {
  struct Token {
    TokenId id = 0;
    std::string text{};      ///< UTF-8, or empty where no tokenizer was asked
    std::size_t prompt = 0;  ///< which of several contexts
    Position position = 0;   ///< in its context
    std::size_t domain = 0;  ///< index in domains; 0 where there are none
    bool operator==(const Token&) const = default;
  };
  struct Layer {
    std::size_t layer = 0;  ///< of the model
    LayerDecisions decisions{};
    std::vector<std::int32_t> runner_up{};  ///< [R] who would be chosen without the last of the chosen; or kNoExpert
    std::vector<float> margin{};            ///< [R] logit of the last of the chosen, less the runner-up's; NaN: none
    std::vector<float> entropy{};           ///< [R] of all experts' scores, in bits; NaN: not computed
  };

  std::uint64_t model = 0;    ///< Model::identity()
  std::uint64_t pathway = 0;  ///< Pathway::hash()
  bool host_dependent = false;
  std::vector<std::string> domains{};
  std::vector<Token> tokens{};  ///< [R]
  std::vector<Layer> layers{};  ///< by ascending number

  [[nodiscard]] std::size_t rows() const noexcept { return tokens.size(); }
};

/// Keeps what the routers of one context decide, for a RouteTrace.
///
///     MOXIE_TRY_LET(const auto log, RouteLog::create(pathway));
///     MOXIE_TRY_LET(Context context, kernel.open(pathway.record(log).value()));
///     ...                                                                        // answer
///     MOXIE_TRY_LET(const RouteTrace trace, log->trace(context.tokens(), &tokenizer));
///
/// It keeps the logits: rows times layers times experts, 4 bytes each.
///
/// Errors   create: kNotFound for a model without experts.  take: kNoMemory.  trace: what a router says, kNoMemory.
/// Threads  take() and trace() from any, at once.
class MOXIE_API RouteLog final : public RouteSink {
 public:
  static Result<std::shared_ptr<RouteLog>> create(const Pathway& pathway) noexcept;
  ~RouteLog() override;

  Status take(const RouteRecord& record) override;
  /// For tokens from position 0 on. The runner-up is whom the router itself chooses once the last of the chosen is
  /// barred; none where it looks at more than logits and positions, or has not a logit for each expert.
  [[nodiscard]] Result<RouteTrace> trace(std::span<const TokenId> tokens,
                                         const Tokenizer* tokenizer = nullptr) const noexcept;
  /// Forgets all rows, so that the next context can be told.
  void clear() noexcept;

 private:
  struct State;
  explicit RouteLog(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

/// Puts the rows of `more` behind those of `trace`, as another prompt of a domain.
///
/// Errors   kShape: another model, pathway or layers.  kNoMemory.
MOXIE_API Status append(RouteTrace& trace, const RouteTrace& more, std::string_view domain) noexcept;

/// The trace of one prompt as routers: the pathway with those in place of its own decides the same again, bit for bit.
///
/// Errors   kNotFound: no such prompt, or a layer that the model does not have.  kShape: other experts.
MOXIE_API Result<Pathway> replay(const Pathway& pathway, const RouteTrace& trace, std::size_t prompt = 0) noexcept;

/// As JSON, in moxie's own form; from_json() reads it back with every bit.
///
/// Errors   kNoMemory.  from_json: kFormat for what is no such document.
MOXIE_API Result<std::string> to_json(const RouteTrace& trace) noexcept;
MOXIE_API Result<RouteTrace> route_trace_from_json(std::string_view json) noexcept;
/// A line for each token, layer and chosen expert, with a heading: prompt, position, id, text, domain, layer, slot,
/// expert, weight, runner_up, margin, entropy. A row that was not computed has one line without an expert.
MOXIE_API Result<std::string> to_csv(const RouteTrace& trace) noexcept;
/// A heat map: how often each expert of each layer was chosen, against an even share.
MOXIE_API Result<std::string> to_svg(const RouteTrace& trace) noexcept;
/// One page that needs nothing else: heat map, load, domains, an explanation for each token, a slider that replays the
/// text. The numbers are in it with every bit, as base64 of little-endian arrays, in the script element `routes`.
MOXIE_API Result<std::string> to_html(const RouteTrace& trace, std::string_view title = "Routes") noexcept;

/// How often an expert was chosen, and with what weight on average.
struct ExpertUse {
  std::size_t hits = 0;
  double mean_weight = 0;
};
/// [N] of the index-th of trace.layers.
MOXIE_API Result<std::vector<ExpertUse>> expert_use(const RouteTrace& trace, std::size_t index) noexcept;

/// What two traces of the same tokens have in common, by layer.
struct RouteDiff {
  struct Layer {
    std::size_t layer = 0;
    std::size_t rows = 0;         ///< computed in both
    std::size_t same_choice = 0;  ///< rows with the same experts, in whatever order
    std::size_t same_first = 0;   ///< rows whose best expert is the same
    double overlap = 0;           ///< mean share of experts in common: intersection over union
    double weight_distance = 0;   ///< mean of half the sum of differences of weights, over all experts
    std::size_t worst_row = 0;    ///< the row whose weights are farthest apart; the first of those
    double worst_distance = 0;
  };
  std::vector<Layer> layers;
  std::size_t first_difference = 0;  ///< the first row with another choice in some layer; rows() where there is none
};
/// Errors   kShape: other tokens, or layers with other numbers.  kNoMemory.
MOXIE_API Result<RouteDiff> diff(const RouteTrace& a, const RouteTrace& b) noexcept;

/// Whether domains go to experts of their own: the mutual information of domain and chosen expert given the token, in
/// bits, for each layer of the trace. A token counts once in a prompt, so that what is counted is independent; so much
/// also comes of chance where a token is rare.
///
/// Errors   kInvalidArgument: fewer than two domains.  kNoMemory.
MOXIE_API Result<std::vector<double>> domain_information(const RouteTrace& trace) noexcept;

}  // namespace moxie
