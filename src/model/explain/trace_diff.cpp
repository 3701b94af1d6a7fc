// SPDX-License-Identifier: Apache-2.0
// What can be counted of traces: use of experts, what two have in common, what experts say of the domain.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include <moxie/core/guard.hpp>
#include <moxie/model/route_trace.hpp>

namespace moxie::inline abi1 {

namespace {

std::span<const std::int32_t> chosen(const RouteTrace::Layer& layer, std::size_t row) {
  const std::size_t K = layer.decisions.experts_per_token;
  const std::span slots(layer.decisions.experts.data() + row * K, K);
  std::size_t used = 0;
  while (used < K && slots[used] >= 0) ++used;
  return slots.first(used);
}
bool computed(const RouteTrace::Layer& layer, std::size_t row) {
  return layer.decisions.experts[row * layer.decisions.experts_per_token] != LayerDecisions::kNotRecorded;
}
double weight_of(const RouteTrace::Layer& layer, std::size_t row, std::int32_t expert) {
  const auto slots = chosen(layer, row);
  const auto at = std::ranges::find(slots, expert);
  if (at == slots.end()) return 0;
  const auto slot = static_cast<std::size_t>(at - slots.begin());
  return static_cast<double>(layer.decisions.weights[row * layer.decisions.experts_per_token + slot]);
}

RouteDiff::Layer compare(const RouteTrace::Layer& a, const RouteTrace::Layer& b, std::size_t R, std::size_t& first) {
  RouteDiff::Layer layer{.layer = a.layer};
  for (std::size_t row = 0; row < R; ++row) {
    if (!computed(a, row) || !computed(b, row)) continue;
    ++layer.rows;
    const auto of_a = chosen(a, row);
    const auto of_b = chosen(b, row);
    std::set<std::int32_t> all(of_a.begin(), of_a.end());
    all.insert(of_b.begin(), of_b.end());
    const std::size_t common = of_a.size() + of_b.size() - all.size();
    double distance = 0;
    for (const std::int32_t e : all) distance += std::abs(weight_of(a, row, e) - weight_of(b, row, e)) / 2;
    const bool same = common == all.size();
    layer.same_choice += same ? 1U : 0U;
    const bool nobody = of_a.empty() && of_b.empty();
    layer.same_first += nobody || (!of_a.empty() && !of_b.empty() && of_a[0] == of_b[0]) ? 1U : 0U;
    layer.overlap += all.empty() ? 1.0 : static_cast<double>(common) / static_cast<double>(all.size());
    layer.weight_distance += distance;
    if (distance > layer.worst_distance) {
      layer.worst_distance = distance;
      layer.worst_row = row;
    }
    if (!same) first = std::min(first, row);
  }
  if (layer.rows > 0) {
    layer.overlap /= static_cast<double>(layer.rows);
    layer.weight_distance /= static_cast<double>(layer.rows);
  }
  return layer;
}

/// Sum of c log2 c over counts: entropies times the number of what was counted.
template <class Map>
double log_sum(const Map& counts) {
  double sum = 0;
  for (const auto& [key, count] : counts) {
    const auto c = static_cast<double>(count);
    sum += c * std::log2(c);
  }
  return sum;
}

}  // namespace

Result<std::vector<ExpertUse>> expert_use(const RouteTrace& trace, std::size_t index) noexcept {
  if (index >= trace.layers.size()) {
    return Status(Code::kNotFound, "expert_use", Text("one of ", trace.layers.size(), " layers"), Text(index));
  }
  std::vector<ExpertUse> use;
  const Status done = guarded("expert_use", [&]() -> Status {
    const RouteTrace::Layer& layer = trace.layers[index];
    use.resize(layer.decisions.num_experts);
    for (std::size_t at = 0; at < layer.decisions.experts.size(); ++at) {
      const std::int32_t e = layer.decisions.experts[at];
      if (e < 0) continue;
      ++use[static_cast<std::size_t>(e)].hits;
      use[static_cast<std::size_t>(e)].mean_weight += static_cast<double>(layer.decisions.weights[at]);
    }
    for (ExpertUse& u : use) u.mean_weight /= u.hits == 0 ? 1.0 : static_cast<double>(u.hits);
    return {};
  });
  MOXIE_TRY(done);
  return use;
}

Result<RouteDiff> diff(const RouteTrace& a, const RouteTrace& b) noexcept {
  const auto same_token = [](const RouteTrace::Token& x, const RouteTrace::Token& y) {
    return x.id == y.id && x.prompt == y.prompt && x.position == y.position;
  };
  if (!std::ranges::equal(a.tokens, b.tokens, same_token)) {
    return Status(Code::kShape, "diff", Text("routes of the same ", a.rows(), " tokens"),
                  Text(b.rows(), " tokens, others"));
  }
  if (!std::ranges::equal(a.layers, b.layers, {}, &RouteTrace::Layer::layer, &RouteTrace::Layer::layer)) {
    return Status(Code::kShape, "diff", Text("routes of the same ", a.layers.size(), " layers"),
                  Text(b.layers.size(), " layers, others"));
  }
  RouteDiff made{.layers = {}, .first_difference = a.rows()};
  const Status done = guarded("diff", [&]() -> Status {
    for (std::size_t l = 0; l < a.layers.size(); ++l) {
      made.layers.push_back(compare(a.layers[l], b.layers[l], a.rows(), made.first_difference));
    }
    return {};
  });
  MOXIE_TRY(done);
  return made;
}

Result<std::vector<double>> domain_information(const RouteTrace& trace) noexcept {
  if (trace.domains.size() < 2) {
    return Status(Code::kInvalidArgument, "domain_information", "two domains or more", Text(trace.domains.size()));
  }
  std::vector<double> bits;
  const Status done = guarded("domain_information", [&]() -> Status {
    std::set<std::pair<std::size_t, TokenId>> seen;
    std::vector<std::size_t> rows;  // a token once in a prompt
    for (std::size_t row = 0; row < trace.rows(); ++row) {
      if (seen.emplace(trace.tokens[row].prompt, trace.tokens[row].id).second) rows.push_back(row);
    }
    for (const RouteTrace::Layer& layer : trace.layers) {
      std::map<TokenId, std::size_t> of_token;
      std::map<std::pair<TokenId, std::size_t>, std::size_t> of_domain;
      std::map<std::pair<TokenId, std::int32_t>, std::size_t> of_expert;
      std::map<std::tuple<TokenId, std::size_t, std::int32_t>, std::size_t> of_both;
      std::size_t whole = 0;
      for (const std::size_t row : rows) {
        const RouteTrace::Token& token = trace.tokens[row];
        for (const std::int32_t e : chosen(layer, row)) {
          ++whole;
          ++of_token[token.id];
          ++of_domain[{token.id, token.domain}];
          ++of_expert[{token.id, e}];
          ++of_both[{token.id, token.domain, e}];
        }
      }
      // H(D, t) + H(E, t) - H(D, E, t) - H(t), all times `whole`
      const double sum = log_sum(of_both) + log_sum(of_token) - log_sum(of_domain) - log_sum(of_expert);
      bits.push_back(whole == 0 ? 0 : sum / static_cast<double>(whole));
    }
    return {};
  });
  MOXIE_TRY(done);
  return bits;
}

}  // namespace moxie
