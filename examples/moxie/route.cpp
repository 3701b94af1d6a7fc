// SPDX-License-Identifier: Apache-2.0
// Which experts worked on which token: moxie route.
#include "route.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <optional>

#include <nlohmann/json.hpp>

#include "answering.hpp"
#include "builtin_model.hpp"
#include "files.hpp"
#include "interrupt.hpp"
#include "output.hpp"

namespace moxie::program {

namespace {

using Json = nlohmann::ordered_json;

/// The tokens of the prompt, with what the checkpoint's template makes of it and with the answer.
Result<std::vector<TokenId>> answered(const Route& options, Answerer& answerer, std::string& answer) {
  GenerationOptions generation;
  MOXIE_TRY_LET(generation.sampling, options.answering.sampling(answerer.model));
  generation.max_tokens = options.max_tokens;
  generation.cancel = &Interrupt::asked();
  const bool by_template = !options.raw && answerer.model.chat_template().status().ok();
  std::optional<Chat> chat;
  std::optional<Context> context;
  if (by_template) {
    MOXIE_TRY_LET(const ChatOptions chat_options, answerer.chat_options(options.answering));
    MOXIE_TRY_LET(chat, Chat::create(answerer.kernel, answerer.model, chat_options));
  } else {
    MOXIE_TRY(answerer.model.tokenizer().status());
    MOXIE_TRY_LET(context, answerer.kernel.open(answerer.model));
  }
  Generation made = chat ? chat->ask(options.prompt, generation)
                         : answerer.kernel.generate(*context, std::string_view(options.prompt), generation);
  MOXIE_TRY(made.run());
  MOXIE_TRY(made.status());
  answer = made.text();
  const auto computed = chat ? chat->context()->tokens() : context->tokens();
  return std::vector<TokenId>(computed.begin(), computed.end());
}

struct Load {
  double effective = 0;  // experts that the load amounts to
  std::vector<std::size_t> busiest;
  std::vector<ExpertUse> use;
  std::size_t hits = 0;
};

Result<Load> load_of(const RouteTrace& trace, std::size_t index) {
  Load load;
  MOXIE_TRY_LET(load.use, expert_use(trace, index));
  for (std::size_t e = 0; e < load.use.size(); ++e) {
    load.hits += load.use[e].hits;
    load.busiest.push_back(e);
  }
  double bits = 0;
  for (const ExpertUse& u : load.use) {
    if (u.hits == 0) continue;
    const double share = static_cast<double>(u.hits) / static_cast<double>(load.hits);
    bits -= share * std::log2(share);
  }
  load.effective = load.hits == 0 ? 0 : std::exp2(bits);
  std::ranges::stable_sort(load.busiest,
                           [&](std::size_t a, std::size_t b) { return load.use[a].hits > load.use[b].hits; });
  return load;
}

/// A piece of text on one line.
std::string one_line(const std::string& text) {
  std::string line = "\"";
  for (const char c : text) {
    if (c == '\n') {
      line += "\\n";
    } else {
      line += c;
    }
  }
  return for_terminal(line + "\"");
}

Status print_summary(const RouteTrace& trace) {
  std::printf("%zu tokens\n\nlayer  experts in use  busiest experts, share of choices\n", trace.rows());
  for (std::size_t l = 0; l < trace.layers.size(); ++l) {
    MOXIE_TRY_LET(const Load load, load_of(trace, l));
    std::printf("%5zu  %6.1f of %-4zu ", trace.layers[l].layer, load.effective, load.use.size());
    for (std::size_t i = 0; i < std::min<std::size_t>(6, load.busiest.size()); ++i) {
      const std::size_t e = load.busiest[i];
      if (load.use[e].hits == 0) break;
      std::printf("  %zu %.0f%%", e, 100.0 * static_cast<double>(load.use[e].hits) / static_cast<double>(load.hits));
    }
    std::printf("\n");
  }
  struct Call {
    float margin;
    std::size_t layer, row;
  };
  std::vector<Call> calls;
  for (std::size_t l = 0; l < trace.layers.size(); ++l) {
    for (std::size_t row = 0; row < trace.rows(); ++row) {
      if (std::isfinite(trace.layers[l].margin[row])) calls.push_back({trace.layers[l].margin[row], l, row});
    }
  }
  const std::size_t shown = std::min<std::size_t>(5, calls.size());
  std::partial_sort(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(shown), calls.end(),
                    [](const Call& a, const Call& b) { return a.margin < b.margin; });
  if (shown > 0) std::printf("\nclosest calls\n");
  for (std::size_t i = 0; i < shown; ++i) {
    const RouteTrace::Layer& layer = trace.layers[calls[i].layer];
    const std::size_t K = layer.decisions.experts_per_token;
    std::string went;
    std::int32_t last = kNoExpert;
    for (std::size_t k = 0; k < K; ++k) {
      const std::int32_t e = layer.decisions.experts[calls[i].row * K + k];
      if (e < 0) break;
      went += (went.empty() ? "" : ", ") + std::to_string(e);
      last = e;
    }
    std::printf("  layer %zu, position %d %s: went to %s; without %d it would have been %d, margin %.4f\n", layer.layer,
                trace.tokens[calls[i].row].position, one_line(trace.tokens[calls[i].row].text).c_str(), went.c_str(),
                last, layer.runner_up[calls[i].row], static_cast<double>(calls[i].margin));
  }
  return {};
}

Status compare(const Route& options) {
  std::vector<RouteTrace> traces;
  for (const std::string& path : options.diff) {
    MOXIE_TRY_LET(const std::string text, read_file(path));
    auto trace = route_trace_from_json(text);
    if (!trace.ok()) {
      return Status(trace.status().code(), path, trace.status().needed(), trace.status().came());
    }
    traces.push_back(*std::move(trace));
  }
  MOXIE_TRY_LET(const RouteDiff made, diff(traces[0], traces[1]));
  if (options.json) {
    Json layers = Json::array();
    for (const RouteDiff::Layer& layer : made.layers) {
      layers.push_back({{"layer", layer.layer},
                        {"rows", layer.rows},
                        {"same_choice", layer.same_choice},
                        {"same_first", layer.same_first},
                        {"overlap", layer.overlap},
                        {"weight_distance", layer.weight_distance},
                        {"worst_row", layer.worst_row},
                        {"worst_distance", layer.worst_distance}});
    }
    Json first = made.first_difference < traces[0].rows() ? Json(made.first_difference) : Json();
    print_json({{"rows", traces[0].rows()}, {"first_difference", std::move(first)}, {"layers", std::move(layers)}});
    return {};
  }
  std::printf("%zu tokens\n\nlayer  same experts  same best  overlap  weights apart  farthest\n", traces[0].rows());
  for (const RouteDiff::Layer& layer : made.layers) {
    const double rows = layer.rows == 0 ? 1 : static_cast<double>(layer.rows);
    std::printf("%5zu  %10.1f %%  %7.1f %%  %7.3f  %13.4f", layer.layer,
                100 * static_cast<double>(layer.same_choice) / rows, 100 * static_cast<double>(layer.same_first) / rows,
                layer.overlap, layer.weight_distance);
    if (layer.worst_distance > 0) {
      std::printf("  %.4f at %s", layer.worst_distance, one_line(traces[0].tokens[layer.worst_row].text).c_str());
    }
    std::printf("\n");
  }
  if (made.first_difference == traces[0].rows()) {
    std::printf("\nall choices are the same\n");
  } else {
    std::printf("\nthe first other choice is at token %zu, %s\n", made.first_difference,
                one_line(traces[0].tokens[made.first_difference].text).c_str());
  }
  return {};
}

Status export_all(const Route& options, const RouteTrace& trace, const std::string& title) {
  const auto write = [](const std::string& path, Result<std::string> text) -> Status {
    if (path.empty()) return {};
    MOXIE_TRY(text.status());
    return write_file(path, *text);
  };
  if (!options.html.empty()) MOXIE_TRY(write(options.html, to_html(trace, title)));
  if (!options.csv.empty()) MOXIE_TRY(write(options.csv, to_csv(trace)));
  if (!options.svg.empty()) MOXIE_TRY(write(options.svg, to_svg(trace)));
  if (options.json) {
    MOXIE_TRY_LET(const std::string json, to_json(trace));
    std::fwrite(json.data(), 1, json.size(), stdout);
    return {};
  }
  return print_summary(trace);
}

}  // namespace

Status write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  return file ? Status() : Status(Code::kIo, path, Text(text.size(), " bytes written"), "fewer");
}

Result<std::vector<LabelledText>> read_domains(const std::string& path) {
  MOXIE_TRY_LET(const std::string text, read_file(path));
  const Json json = Json::parse(text, nullptr, false);
  const Status wrong(Code::kFormat, path, "JSON: an object of domains, each a list of texts", "something else");
  if (!json.is_object() || json.empty()) return wrong;
  std::vector<LabelledText> texts;
  for (const auto& [domain, list] : json.items()) {
    if (!list.is_array()) return wrong;
    for (const Json& one : list) {
      if (!one.is_string() || one.get_ref<const std::string&>().empty()) return wrong;
      texts.push_back({domain, one.get<std::string>()});
    }
  }
  if (texts.empty()) return wrong;
  return texts;
}

Status compute_all(Kernel& kernel, const Pathway& pathway, std::span<const TokenId> tokens,
                   const std::function<void(std::size_t, ConstRows)>& take) {
  constexpr std::size_t kRows = 64;
  const std::size_t V = pathway.model().config().vocab_size;
  MOXIE_TRY_LET(Context context, kernel.open(pathway, {.host_dependent = pathway.host_dependent()}));
  std::vector<float> memory(kRows * V);
  for (std::size_t begin = 0; begin < tokens.size(); begin += kRows) {
    const std::size_t count = std::min(kRows, tokens.size() - begin);
    const Rows logits(memory.data(), count, V);
    Request request{.context = &context,
                    .tokens = tokens.subspan(begin, count),
                    .want = Logits::kAll,
                    .logits = logits,
                    .cancel = &Interrupt::asked()};
    while (!request.finished()) MOXIE_TRY(kernel.step({&request, 1}).status());
    MOXIE_TRY(request.status);
    if (take) take(begin, logits);
  }
  return {};
}

Result<RouteTrace> routes_of(Kernel& kernel, const Pathway& pathway, std::span<const TokenId> tokens) {
  MOXIE_TRY_LET(const auto log, RouteLog::create(pathway));
  MOXIE_TRY_LET(const Pathway recorded, pathway.record(log));
  MOXIE_TRY(compute_all(kernel, recorded, tokens, {}));
  const auto& tokenizer = pathway.model().tokenizer();
  return log->trace(tokens, tokenizer.ok() ? &*tokenizer : nullptr);
}

Status run_route(const Route& asked) {
  Route options = asked;
  if (!options.diff.empty()) return compare(options);
  MOXIE_TRY_LET(options.common.model, model_or_builtin(asked.common.model));
  if (options.prompt.empty() == options.domains.empty()) {
    return Status(Code::kInvalidArgument, "route", "a prompt (-p), --domains or --diff",
                  options.prompt.empty() ? "none of them" : "a prompt and --domains");
  }
  const Interrupt interrupt;
  MOXIE_TRY_LET(Answerer answerer, Answerer::make(options.common, options.answering));
  const Pathway pathway(answerer.model);
  if (options.domains.empty()) {
    std::string answer;
    MOXIE_TRY_LET(const std::vector<TokenId> tokens, answered(options, answerer, answer));
    MOXIE_TRY_LET(RouteTrace trace, routes_of(answerer.kernel, pathway, tokens));
    if (!options.json) {
      print(answer);
      std::printf("\n\n");
    }
    return export_all(options, trace, options.prompt.substr(0, 80));
  }
  MOXIE_TRY_LET(const std::vector<LabelledText> texts, read_domains(options.domains));
  MOXIE_TRY(answerer.model.tokenizer().status());
  RouteTrace trace;
  for (const LabelledText& text : texts) {
    MOXIE_TRY_LET(const std::vector<TokenId> tokens, answerer.model.tokenizer()->encode(text.text));
    MOXIE_TRY_LET(const RouteTrace one, routes_of(answerer.kernel, pathway, tokens));
    MOXIE_TRY(append(trace, one, text.domain));
  }
  return export_all(options, trace, options.domains);
}

}  // namespace moxie::program
