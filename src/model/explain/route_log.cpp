// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <mutex>

#include <moxie/core/guard.hpp>
#include <moxie/core/utf8.hpp>
#include <moxie/core/workspace.hpp>
#include <moxie/model/route_trace.hpp>

namespace moxie::inline abi1 {

namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

/// What a layer was told, by position.
struct Told {
  std::size_t layer = 0;
  AnyRouter router;
  std::size_t experts = 0;  // N
  std::size_t slots = 0;    // K
  std::size_t logits = 0;   // of a row
  std::vector<std::int32_t> chosen{};
  std::vector<float> weights{};
  std::vector<float> rows{};  // logits
};

/// Of the scores that logits make, in bits.
double entropy_of(std::span<const float> logits, Scores scores) {
  double largest = -std::numeric_limits<double>::infinity();
  for (const float logit : logits) largest = std::max(largest, static_cast<double>(logit));
  std::vector<double> shares;
  double sum = 0;
  for (const float logit : logits) {
    const auto x = static_cast<double>(logit);
    shares.push_back(scores == Scores::kSoftmax ? std::exp(x - largest) : 1 / (1 + std::exp(-x)));
    sum += shares.back();
  }
  double bits = 0;
  for (const double share : shares) {
    if (share > 0) bits -= share / sum * std::log2(share / sum);
  }
  return bits;
}

/// Each token by itself; what is no UTF-8 alone becomes U+FFFD.
std::string text_of(const Tokenizer& tokenizer, TokenId id) {
  const auto text = tokenizer.decode({&id, 1}, {.skip_special = false});
  if (!text.ok()) return {};
  std::string valid;
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t good = utf8::valid_size(std::string_view(*text).substr(at));
    valid.append(*text, at, good);
    at += good;
    if (at == text->size()) break;
    valid += "\xef\xbf\xbd";
    ++at;
  }
  return valid;
}

/// Whom the router takes once the last of the chosen is barred.
Status find_runners_up(const Told& told, RouteTrace::Layer& layer) {
  const std::size_t R = layer.runner_up.size();
  const std::size_t N = told.experts;
  const std::size_t K = told.slots;
  if (told.logits != N || !told.router.row_local()) return {};
  std::vector<Position> positions;
  std::vector<float> logits;
  for (std::size_t row = 0; row < R; ++row) {
    const std::int32_t* const chosen = layer.decisions.experts.data() + row * K;
    if (chosen[0] < 0) continue;
    std::size_t last = 0;
    while (last + 1 < K && chosen[last + 1] != kNoExpert) ++last;
    logits.insert(logits.end(), told.rows.begin() + static_cast<std::ptrdiff_t>(row * N),
                  told.rows.begin() + static_cast<std::ptrdiff_t>((row + 1) * N));
    logits[logits.size() - N + static_cast<std::size_t>(chosen[last])] = -std::numeric_limits<float>::infinity();
    positions.push_back(static_cast<Position>(row));
  }
  if (positions.empty() || N == 1) return {};
  constexpr std::size_t kRows = 64;
  MOXIE_TRY_LET(const AlignedBuffer memory, AlignedBuffer::create(told.router.scratch_bytes(kRows) + 64));
  Workspace ws(memory.bytes());
  std::vector<std::int32_t> ids(kRows * K);
  std::vector<float> weights(kRows * K);
  for (std::size_t begin = 0; begin < positions.size(); begin += kRows) {
    const std::size_t count = std::min(kRows, positions.size() - begin);
    const RouteIn in{.logits = ConstRows(logits.data() + begin * N, count, N),
                     .layer = told.layer,
                     .positions = std::span(positions).subspan(begin, count)};
    const Status status = told.router.route(in, {{ids.data(), count, K}, {weights.data(), count, K}}, ws);
    if (!status.ok()) return {};  // it looks at more than logits, or nobody else is left: no runner-up
    for (std::size_t i = 0; i < count; ++i) {
      const auto row = static_cast<std::size_t>(positions[begin + i]);
      const std::span chosen(layer.decisions.experts.data() + row * K, K);
      const auto found = std::find_if(
          ids.begin() + static_cast<std::ptrdiff_t>(i * K), ids.begin() + static_cast<std::ptrdiff_t>((i + 1) * K),
          [&](std::int32_t id) { return id >= 0 && std::ranges::find(chosen, id) == chosen.end(); });
      if (found == ids.begin() + static_cast<std::ptrdiff_t>((i + 1) * K)) continue;
      std::size_t last = K - 1;
      while (chosen[last] == kNoExpert) --last;
      layer.runner_up[row] = *found;
      layer.margin[row] = told.rows[row * N + static_cast<std::size_t>(chosen[last])] -
                          told.rows[row * N + static_cast<std::size_t>(*found)];
    }
  }
  return {};
}

}  // namespace

struct RouteLog::State {
  std::uint64_t model = 0;
  std::uint64_t pathway = 0;
  bool host_dependent = false;
  Scores scores = Scores::kSoftmax;
  std::vector<Told> layers;
  mutable std::mutex mutex;
};

RouteLog::RouteLog(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
RouteLog::~RouteLog() = default;

Result<std::shared_ptr<RouteLog>> RouteLog::create(const Pathway& pathway) noexcept {
  std::shared_ptr<RouteLog> log;
  const Status done = guarded("RouteLog::create", [&]() -> Status {
    MOXIE_TRY_LET(const auto layers, pathway.layers());
    if (layers.empty()) return Status(Code::kNotFound, "RouteLog::create", "a model with experts", "one without");
    auto state = std::make_unique<State>();
    state->model = pathway.model().identity();
    state->pathway = pathway.hash();
    state->host_dependent = pathway.host_dependent();
    state->scores = pathway.model().config().scoring_func;
    for (const ExpertLayerInfo& info : layers) {
      MOXIE_TRY_LET(AnyRouter router, pathway.router(info.layer));
      state->layers.push_back({.layer = info.layer,
                               .router = router,
                               .experts = info.experts.size(),
                               .slots = router.experts_per_token(),
                               .logits = router.num_logits()});
    }
    log.reset(new RouteLog(std::move(state)));
    return {};
  });
  MOXIE_TRY(done);
  return log;
}

Status RouteLog::take(const RouteRecord& record) {
  const std::lock_guard lock(state_->mutex);
  const auto found = std::ranges::find(state_->layers, record.layer, &Told::layer);
  if (found == state_->layers.end() || record.experts.width != found->slots || record.logits.width != found->logits) {
    return Status(Code::kPrecondition, "RouteLog::take", "records of the pathway that it was made for",
                  Text("layer ", record.layer, ", ", record.experts.width, " slots, ", record.logits.width, " logits"));
  }
  Told& told = *found;
  return guarded("RouteLog::take", [&]() -> Status {
    for (std::size_t t = 0; t < record.experts.rows; ++t) {
      const auto row = static_cast<std::size_t>(record.positions[t]);
      if (told.chosen.size() < (row + 1) * told.slots) {
        told.chosen.resize((row + 1) * told.slots, LayerDecisions::kNotRecorded);
        told.weights.resize((row + 1) * told.slots, 0.0f);
        told.rows.resize((row + 1) * told.logits, 0.0f);
      }
      std::ranges::copy(record.experts[t], told.chosen.begin() + static_cast<std::ptrdiff_t>(row * told.slots));
      std::ranges::copy(record.weights[t], told.weights.begin() + static_cast<std::ptrdiff_t>(row * told.slots));
      std::ranges::copy(record.logits[t], told.rows.begin() + static_cast<std::ptrdiff_t>(row * told.logits));
    }
    return {};
  });
}

Result<RouteTrace> RouteLog::trace(std::span<const TokenId> tokens, const Tokenizer* tokenizer) const noexcept {
  RouteTrace trace;
  const Status done = guarded("RouteLog::trace", [&]() -> Status {
    const std::lock_guard lock(state_->mutex);
    const std::size_t R = tokens.size();
    trace.model = state_->model;
    trace.pathway = state_->pathway;
    trace.host_dependent = state_->host_dependent;
    for (std::size_t row = 0; row < R; ++row) {
      trace.tokens.push_back({.id = tokens[row],
                              .text = tokenizer == nullptr ? std::string() : text_of(*tokenizer, tokens[row]),
                              .prompt = 0,
                              .position = static_cast<Position>(row),
                              .domain = 0});
    }
    for (const Told& told : state_->layers) {
      RouteTrace::Layer layer{.layer = told.layer,
                              .decisions = {.num_experts = told.experts,
                                            .experts_per_token = told.slots,
                                            .experts = told.chosen,
                                            .weights = told.weights},
                              .runner_up = std::vector<std::int32_t>(R, kNoExpert),
                              .margin = std::vector<float>(R, kNone),
                              .entropy = std::vector<float>(R, kNone)};
      layer.decisions.experts.resize(R * told.slots, LayerDecisions::kNotRecorded);
      layer.decisions.weights.resize(R * told.slots, 0.0f);
      for (std::size_t row = 0; row < R; ++row) {
        if (layer.decisions.experts[row * told.slots] == LayerDecisions::kNotRecorded) {
          // A row that was computed is known by its first slot: the others have nobody.
          std::fill_n(layer.decisions.experts.begin() + static_cast<std::ptrdiff_t>(row * told.slots) + 1,
                      told.slots - 1, kNoExpert);
          continue;
        }
        layer.entropy[row] = static_cast<float>(
            entropy_of(std::span(told.rows).subspan(row * told.logits, told.logits), state_->scores));
      }
      MOXIE_TRY(find_runners_up(told, layer));
      trace.layers.push_back(std::move(layer));
    }
    return {};
  });
  MOXIE_TRY(done);
  return trace;
}

void RouteLog::clear() noexcept {
  const std::lock_guard lock(state_->mutex);
  for (Told& told : state_->layers) {
    told.chosen.clear();
    told.weights.clear();
    told.rows.clear();
  }
}

Status append(RouteTrace& trace, const RouteTrace& more, std::string_view domain) noexcept {
  return guarded("append", [&]() -> Status {
    const bool first = trace.layers.empty() && trace.tokens.empty();
    const auto same_shape = [](const RouteTrace::Layer& a, const RouteTrace::Layer& b) {
      return a.layer == b.layer && a.decisions.num_experts == b.decisions.num_experts &&
             a.decisions.experts_per_token == b.decisions.experts_per_token;
    };
    if (!first && (trace.model != more.model || trace.pathway != more.pathway ||
                   !std::ranges::equal(trace.layers, more.layers, same_shape))) {
      return Status(Code::kShape, "append", "routes of the same pathway", "of another one");
    }
    // All that can fail first, so that an error leaves the trace as it was.
    std::vector<RouteTrace::Token> tokens = more.tokens;
    std::vector<std::string> domains = trace.domains;
    auto at = std::ranges::find(domains, domain);
    if (at == domains.end()) at = domains.insert(at, std::string(domain));
    const std::size_t prompts = trace.tokens.empty() ? 0 : trace.tokens.back().prompt + 1;
    for (RouteTrace::Token& token : tokens) {
      token.prompt += prompts;
      token.domain = static_cast<std::size_t>(at - domains.begin());
    }
    if (first) {
      RouteTrace copy = more;
      copy.tokens = std::move(tokens);
      copy.domains = std::move(domains);
      trace = std::move(copy);
      return {};
    }
    const auto make_room = [](auto& to, const auto& from) {
      const std::size_t needed = to.size() + from.size();
      if (needed > to.capacity()) to.reserve(std::max(needed, 2 * to.capacity()));
    };
    const auto add = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
    const auto each = [&](const auto& act) {
      for (std::size_t l = 0; l < trace.layers.size(); ++l) {
        RouteTrace::Layer& to = trace.layers[l];
        const RouteTrace::Layer& from = more.layers[l];
        act(to.decisions.experts, from.decisions.experts);
        act(to.decisions.weights, from.decisions.weights);
        act(to.runner_up, from.runner_up);
        act(to.margin, from.margin);
        act(to.entropy, from.entropy);
      }
    };
    make_room(trace.tokens, tokens);
    each(make_room);
    each(add);
    trace.host_dependent = trace.host_dependent || more.host_dependent;
    trace.domains = std::move(domains);
    std::ranges::move(tokens, std::back_inserter(trace.tokens));
    return {};
  });
}

Result<Pathway> replay(const Pathway& pathway, const RouteTrace& trace, std::size_t prompt) noexcept {
  Pathway replayed = pathway;
  const Status done = guarded("replay", [&]() -> Status {
    const auto of_prompt = [&](const RouteTrace::Token& token) { return token.prompt == prompt; };
    const auto begin = static_cast<std::size_t>(std::ranges::find_if(trace.tokens, of_prompt) - trace.tokens.begin());
    const auto count = static_cast<std::size_t>(std::ranges::count_if(trace.tokens, of_prompt));
    if (count == 0) return Status(Code::kNotFound, "replay", "a prompt of the trace", Text(prompt));
    for (const RouteTrace::Layer& layer : trace.layers) {
      const std::size_t K = layer.decisions.experts_per_token;
      const auto from = static_cast<std::ptrdiff_t>(begin * K);
      const auto to = static_cast<std::ptrdiff_t>((begin + count) * K);
      auto decisions = std::make_shared<LayerDecisions>();
      decisions->num_experts = layer.decisions.num_experts;
      decisions->experts_per_token = K;
      decisions->experts.assign(layer.decisions.experts.begin() + from, layer.decisions.experts.begin() + to);
      decisions->weights.assign(layer.decisions.weights.begin() + from, layer.decisions.weights.begin() + to);
      MOXIE_TRY_LET(const AnyRouter own, pathway.router(layer.layer));
      MOXIE_TRY_LET(Replayed router, Replayed::create(std::move(decisions), own.num_logits()));
      MOXIE_TRY_LET(replayed, replayed.replace_router(layer.layer, std::move(router)));
    }
    return {};
  });
  MOXIE_TRY(done);
  return replayed;
}

}  // namespace moxie
