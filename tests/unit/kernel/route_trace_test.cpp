// SPDX-License-Identifier: Apache-2.0
// Records of routes: what they say, in every form that they are written in, replayed and compared.
#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include <moxie/model/route_trace.hpp>

#include "routed_case.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

RouteTrace traced(const Case& c, Kernel& kernel, const Pathway& pathway, Logits want = Logits::kAll) {
  const auto log = RouteLog::create(pathway).value();
  Context context = kernel.open(pathway.record(log).value()).value();
  if (want == Logits::kAll) {
    all_logits(kernel, context, c.tokens, c.model.config().vocab_size);
  } else {
    std::vector<float> logits(c.model.config().vocab_size);
    Request request{.context = &context, .tokens = c.tokens, .logits = Rows(logits.data(), 1, logits.size())};
    while (!request.finished()) kernel.step({&request, 1}).value();
  }
  return log->trace(c.tokens).value();
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}
/// NaN stands for nothing, whatever its bits.
bool same_numbers(const std::vector<float>& a, const std::vector<float>& b) {
  return std::ranges::equal(a, b, [](float x, float y) { return (std::isnan(x) && std::isnan(y)) || x == y; });
}
void check_equal(const RouteTrace& a, const RouteTrace& b) {
  CHECK(a.model == b.model);
  CHECK(a.pathway == b.pathway);
  CHECK(a.host_dependent == b.host_dependent);
  CHECK(a.domains == b.domains);
  CHECK(a.tokens == b.tokens);
  REQUIRE(a.layers.size() == b.layers.size());
  for (std::size_t l = 0; l < a.layers.size(); ++l) {
    CHECK(a.layers[l].layer == b.layers[l].layer);
    CHECK(a.layers[l].decisions.num_experts == b.layers[l].decisions.num_experts);
    CHECK(a.layers[l].decisions.experts_per_token == b.layers[l].decisions.experts_per_token);
    CHECK(a.layers[l].decisions.experts == b.layers[l].decisions.experts);
    CHECK(same(a.layers[l].decisions.weights, b.layers[l].decisions.weights));
    CHECK(a.layers[l].runner_up == b.layers[l].runner_up);
    CHECK(same_numbers(a.layers[l].margin, b.layers[l].margin));
    CHECK(same_numbers(a.layers[l].entropy, b.layers[l].entropy));
  }
}

/// Of a page: the numbers that are in it, read as its own script does.
std::string between(const std::string& text, const std::string& begin, const std::string& end, std::size_t from = 0) {
  const std::size_t at = text.find(begin, from);
  REQUIRE(at != std::string::npos);
  const std::size_t first = at + begin.size();
  return text.substr(first, text.find(end, first) - first);
}
template <class T>
std::vector<T> from_base64(const std::string& text) {
  const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6U | static_cast<std::uint32_t>(letters.find(c));
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 0xffU);
    }
  }
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

/// A trace of the largest size that the page is made for.
RouteTrace large_trace() {
  RouteTrace trace{.model = 1, .pathway = 2, .domains = {"a", "b"}};
  constexpr std::size_t R = 1000;
  for (std::size_t row = 0; row < R; ++row) {
    trace.tokens.push_back({.id = static_cast<TokenId>(row),
                            .text = "w",
                            .prompt = row / 500,
                            .position = static_cast<Position>(row % 500),
                            .domain = row / 500});
  }
  for (std::size_t l = 0; l < 48; ++l) {
    RouteTrace::Layer layer{.layer = l,
                            .decisions = {.num_experts = 128, .experts_per_token = 8, .experts = {}, .weights = {}}};
    for (std::size_t row = 0; row < R; ++row) {
      for (std::size_t k = 0; k < 8; ++k) {
        layer.decisions.experts.push_back(static_cast<std::int32_t>((row * 7 + l * 3 + k * 16) % 128));
        layer.decisions.weights.push_back(0.125f);
      }
      layer.runner_up.push_back(static_cast<std::int32_t>((row * 7 + l * 3 + 5) % 128));
      layer.margin.push_back(0.01f * static_cast<float>(row % 50));
      layer.entropy.push_back(5.0f);
    }
    trace.layers.push_back(std::move(layer));
  }
  return trace;
}

}  // namespace

TEST_CASE("a record says what transformers' routers chose, and whom they would have chosen next") {
  const Case c(GENERATE(as<std::string>{}, "tiny_tied", "mixtral", "deepseek_v3"));
  Kernel kernel = make_kernel();
  const Pathway plain(c.model);
  const RouteTrace trace = traced(c, kernel, plain);
  REQUIRE(trace.layers.size() == c.layers.size());
  CHECK(trace.model == c.model.identity());
  CHECK(trace.rows() == c.tokens.size());
  for (std::size_t l = 0; l < trace.layers.size(); ++l) {
    const RouteTrace::Layer& layer = trace.layers[l];
    CHECK(layer.layer == c.layers[l]);
    for (std::size_t row = 0; row < trace.rows(); ++row) {
      std::set<std::int32_t> expected;
      std::set<std::int32_t> came;
      for (std::size_t k = 0; k < c.K; ++k) {
        expected.insert(c.experts[c.at(l, row) + k]);
        came.insert(layer.decisions.experts[row * c.K + k]);
      }
      CHECK(came == expected);
      CHECK(layer.entropy[row] >= 0.0f);
      CHECK(static_cast<double>(layer.entropy[row]) <=
            std::log2(static_cast<double>(layer.decisions.num_experts)) + 1e-6);
      CHECK(came.count(layer.runner_up[row]) == 0);
    }
  }
  // The runner-up is the one who comes once the last of the chosen is dropped: in the last layer, whose rows stay.
  const RouteTrace::Layer& last = trace.layers.back();
  std::map<std::int32_t, RouteTrace> without;
  for (std::size_t row = 0; row < trace.rows(); ++row) {
    const std::int32_t dropped = last.decisions.experts[row * c.K + c.K - 1];
    if (!without.contains(dropped)) {
      const Pathway pathway =
          plain.drop_expert({.layer = last.layer, .expert = static_cast<std::size_t>(dropped)}).value();
      without.emplace(dropped, traced(c, kernel, pathway));
    }
    const RouteTrace::Layer& other = without.at(dropped).layers.back();
    std::set<std::int32_t> now;
    for (std::size_t k = 0; k < c.K; ++k) now.insert(other.decisions.experts[row * c.K + k]);
    CHECK(now.contains(last.runner_up[row]));
  }
}

TEST_CASE("rows that the last layer did not compute are marked, and all others are not") {
  const Case c("tiny_tied");
  Kernel kernel = make_kernel();
  const RouteTrace trace = traced(c, kernel, Pathway(c.model), Logits::kLast);
  for (const RouteTrace::Layer& layer : trace.layers) {
    const bool last = layer.layer == c.layer;
    for (std::size_t row = 0; row < trace.rows(); ++row) {
      const bool marked = layer.decisions.experts[row * c.K] == LayerDecisions::kNotRecorded;
      CHECK(marked == (last && row + 1 < trace.rows()));
      CHECK(std::isnan(layer.entropy[row]) == marked);
      CHECK((layer.runner_up[row] == kNoExpert) == marked);
    }
  }
  CHECK(to_csv(trace).value().find(",,,,,\r\n") != std::string::npos);
  check_equal(route_trace_from_json(to_json(trace).value()).value(), trace);
}

TEST_CASE("an answer is replayed bit for bit from its record, also from a file") {
  const Case c(GENERATE(as<std::string>{}, "tiny_tied", "deepseek_v3"));
  Kernel kernel = make_kernel();
  const Pathway plain(c.model);
  const std::vector<float> logits = c.logits(kernel, plain);
  const RouteTrace trace = route_trace_from_json(to_json(traced(c, kernel, plain)).value()).value();
  CHECK(same_bits(c.logits(kernel, replay(plain, trace).value()), logits));
  // Over another pathway, whose own router would choose otherwise.
  const Pathway biased = plain.bias_expert({.layer = c.layer, .expert = 0}, 50.0f).value();
  CHECK_FALSE(same_bits(c.logits(kernel, biased), logits));
  CHECK(same_bits(c.logits(kernel, replay(biased, trace).value()), logits));
  CHECK(replay(plain, trace, 1).status().code() == Code::kNotFound);
}

TEST_CASE("a page has the record's numbers, every bit of them, and no text can end its script") {
  const Case c("tiny_tied");
  Kernel kernel = make_kernel();
  RouteTrace trace = traced(c, kernel, Pathway(c.model));
  trace.domains = {"</script><b>"};
  trace.tokens[0].text = "</script><script>alert(1)</script>\"\\\n";
  const std::string page = to_html(trace, "<a> & b").value();
  CHECK(page.find("<h1>&lt;a> &amp; b</h1>") != std::string::npos);
  const std::string data = between(page, "<script type=\"application/json\" id=\"routes\">", "</script>");
  CHECK(data.find('<') == std::string::npos);
  CHECK(data.find("\\u003c/script>\\u003cscript>alert(1)") != std::string::npos);
  CHECK(page.find("src=") == std::string::npos);  // nothing is fetched
  CHECK(page.find("http") == std::string::npos);
  std::size_t from = 0;
  for (const RouteTrace::Layer& layer : trace.layers) {
    from = data.find("{\"layer\":" + std::to_string(layer.layer), from);
    REQUIRE(from != std::string::npos);
    CHECK(from_base64<std::int32_t>(between(data, "\"chosen\":\"", "\"", from)) == layer.decisions.experts);
    CHECK(same(from_base64<float>(between(data, "\"weights\":\"", "\"", from)), layer.decisions.weights));
    CHECK(from_base64<std::int32_t>(between(data, "\"runner_up\":\"", "\"", from)) == layer.runner_up);
    CHECK(same(from_base64<float>(between(data, "\"margin\":\"", "\"", from)), layer.margin));
    CHECK(same(from_base64<float>(between(data, "\"entropy\":\"", "\"", from)), layer.entropy));
  }
  const std::string large = to_html(large_trace()).value();
  CHECK(large.size() < 8'000'000);
}

TEST_CASE("csv and svg say what the record says") {
  const Case c("tiny_tied");
  Kernel kernel = make_kernel();
  RouteTrace trace = traced(c, kernel, Pathway(c.model));
  trace.tokens[0].text = "a \"b\",\n";
  const std::string csv = to_csv(trace).value();
  CHECK(csv.starts_with("prompt,position,id,text,domain,layer,slot,expert,weight,runner_up,margin,entropy\r\n"));
  CHECK(csv.find("\"a \"\"b\"\",\n\"") != std::string::npos);
  CHECK(static_cast<std::size_t>(std::ranges::count(csv, '\r')) == 1 + trace.rows() * trace.layers.size() * c.K);
  const std::string svg = to_svg(trace).value();
  for (std::size_t l = 0; l < trace.layers.size(); ++l) {
    const auto use = expert_use(trace, l).value();
    std::size_t hits = 0;
    for (std::size_t e = 0; e < use.size(); ++e) {
      hits += use[e].hits;
      CHECK(svg.find("layer " + std::to_string(trace.layers[l].layer) + ", expert " + std::to_string(e) + ": " +
                     std::to_string(use[e].hits) + " rows") != std::string::npos);
    }
    CHECK(hits == trace.rows() * c.K);
  }
}

TEST_CASE("two records are compared by layer") {
  const Case c("tiny_tied");
  Kernel kernel = make_kernel();
  const Pathway plain(c.model);
  const RouteTrace a = traced(c, kernel, plain);
  const RouteDiff none = diff(a, a).value();
  CHECK(none.first_difference == a.rows());
  for (const RouteDiff::Layer& layer : none.layers) {
    CHECK(layer.same_choice == a.rows());
    CHECK(layer.same_first == a.rows());
    CHECK(layer.overlap == 1.0);
    CHECK(layer.weight_distance == 0.0);
  }
  const ExpertSlot slot{.layer = c.layer, .expert = 2};
  const RouteTrace b = traced(c, kernel, plain.drop_expert(slot).value());
  const RouteDiff made = diff(a, b).value();
  std::size_t chose = 0;
  std::size_t first = a.rows();
  for (std::size_t row = 0; row < a.rows(); ++row) {
    if (!c.chose(row, slot.expert)) continue;
    ++chose;
    first = std::min(first, row);
  }
  REQUIRE(chose > 0);
  CHECK(made.first_difference == first);
  CHECK(made.layers.back().same_choice == a.rows() - chose);
  const double shared =
      (static_cast<double>(a.rows() - chose) +
       static_cast<double>(chose) * (static_cast<double>(c.K) - 1.0) / (static_cast<double>(c.K) + 1.0)) /
      static_cast<double>(a.rows());
  CHECK(std::abs(made.layers.back().overlap - shared) < 1e-12);
  CHECK(made.layers.front().same_choice == a.rows());
  RouteTrace shorter = a;
  shorter.tokens.pop_back();
  CHECK(diff(a, shorter).status().code() == Code::kShape);
}

TEST_CASE("routes of several prompts are put together by domain, and what experts say of it is measured") {
  RouteTrace one{.model = 1, .pathway = 2};
  // Token 7 goes to expert 0 in one domain and to 1 in the other; token 8 always to both alike.
  const auto make = [&](std::int32_t expert) {
    RouteTrace trace = one;
    trace.tokens = {{.id = 7}, {.id = 8, .position = 1}, {.id = 7, .position = 2}};
    RouteTrace::Layer layer{.layer = 0,
                            .decisions = {.num_experts = 2, .experts_per_token = 1, .experts = {}, .weights = {}}};
    layer.decisions.experts = {expert, 1, expert};
    layer.decisions.weights = {1, 1, 1};
    layer.runner_up.assign(3, kNoExpert);
    layer.margin.assign(3, 0.0f);
    layer.entropy.assign(3, 0.0f);
    trace.layers.push_back(layer);
    return trace;
  };
  RouteTrace both;
  REQUIRE(append(both, make(0), "law").ok());
  CHECK(domain_information(both).status().code() == Code::kInvalidArgument);
  REQUIRE(append(both, make(1), "art").ok());
  CHECK(both.domains == std::vector<std::string>{"law", "art"});
  CHECK(both.rows() == 6);
  CHECK(both.tokens[5].prompt == 1);
  CHECK(both.tokens[5].domain == 1);
  // Given token 7 the expert names the domain: 1 bit. Given token 8: none. Each counts once in a prompt.
  CHECK(std::abs(domain_information(both).value()[0] - 0.5) < 1e-12);
  RouteTrace other = make(0);
  other.pathway = 3;
  const std::size_t before = both.rows();
  CHECK(append(both, other, "law").code() == Code::kShape);
  CHECK(both.rows() == before);
  check_equal(route_trace_from_json(to_json(both).value()).value(), both);
}

TEST_CASE("what is no record is refused") {
  const Case c("tiny_tied");
  Kernel kernel = make_kernel();
  const std::string json = to_json(traced(c, kernel, Pathway(c.model))).value();
  for (std::size_t cut = 0; cut < json.size(); cut += json.size() / 37 + 1) {
    CHECK(route_trace_from_json(json.substr(0, cut)).status().code() == Code::kFormat);
  }
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = json;
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return route_trace_from_json(text.replace(at, from.size(), to)).status().code();
  };
  CHECK(changed("moxie.routes-1", "moxie.routes-2") == Code::kFormat);
  CHECK(changed("\"experts\":8", "\"experts\":1") == Code::kFormat);
  CHECK(changed("\"slots\":2", "\"slots\":3") == Code::kFormat);
  CHECK(changed("\"chosen\":[", "\"chosen\":[99,") == Code::kFormat);
  CHECK(changed("\"weights\":[", "\"weights\":[null,") == Code::kFormat);
  CHECK(changed("\"runner_up\":[", "\"runner_up\":[\"x\",") == Code::kFormat);
  CHECK(changed("\"layer\":1", "\"layer\":0") == Code::kFormat);
}
