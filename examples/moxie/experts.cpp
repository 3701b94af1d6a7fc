// SPDX-License-Identifier: Apache-2.0
// What experts a model has, and which excel at what: moxie experts.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include <nlohmann/json.hpp>

#include "builtin_model.hpp"
#include "interrupt.hpp"
#include "output.hpp"
#include "route.hpp"

namespace moxie::program {

namespace {

using Json = nlohmann::ordered_json;

struct Corpus {
  std::vector<std::string> domains;
  std::vector<std::size_t> of_text;  // its domain
  std::vector<std::vector<TokenId>> texts;
};

Result<Corpus> read_corpus(const std::string& path, const Tokenizer& tokenizer) {
  MOXIE_TRY_LET(const std::vector<LabelledText> texts, read_domains(path));
  Corpus corpus;
  for (const LabelledText& text : texts) {
    auto at = std::ranges::find(corpus.domains, text.domain);
    if (at == corpus.domains.end()) at = corpus.domains.insert(at, text.domain);
    corpus.of_text.push_back(static_cast<std::size_t>(at - corpus.domains.begin()));
    MOXIE_TRY_LET(std::vector<TokenId> tokens, tokenizer.encode(text.text));
    corpus.texts.push_back(std::move(tokens));
  }
  return corpus;
}

/// Mean loss of a next token, in nats, by domain.
Result<std::vector<double>> losses(Kernel& kernel, const Pathway& pathway, const Corpus& corpus) {
  std::vector<double> sums(corpus.domains.size());
  std::vector<std::size_t> counts(corpus.domains.size());
  for (std::size_t t = 0; t < corpus.texts.size(); ++t) {
    const std::vector<TokenId>& tokens = corpus.texts[t];
    const auto take = [&](std::size_t begin, ConstRows logits) {
      for (std::size_t i = 0; i < logits.rows && begin + i + 1 < tokens.size(); ++i) {
        const auto row = logits[i];
        const auto largest = static_cast<double>(*std::ranges::max_element(row));
        double sum = 0;
        for (const float logit : row) sum += std::exp(static_cast<double>(logit) - largest);
        const auto own = static_cast<double>(row[static_cast<std::size_t>(tokens[begin + i + 1])]);
        sums[corpus.of_text[t]] += largest + std::log(sum) - own;
        ++counts[corpus.of_text[t]];
      }
    };
    MOXIE_TRY(compute_all(kernel, pathway, tokens, take));
  }
  for (std::size_t d = 0; d < sums.size(); ++d) sums[d] /= counts[d] == 0 ? 1.0 : static_cast<double>(counts[d]);
  return sums;
}

/// Share of a domain's choices in a layer that go to each expert: [domains][N].
std::vector<std::vector<double>> shares_of(const RouteTrace& trace, std::size_t index) {
  const RouteTrace::Layer& layer = trace.layers[index];
  const std::size_t K = layer.decisions.experts_per_token;
  std::vector<std::vector<double>> shares(trace.domains.size(), std::vector<double>(layer.decisions.num_experts));
  std::vector<double> all(trace.domains.size());
  for (std::size_t at = 0; at < layer.decisions.experts.size(); ++at) {
    const std::int32_t e = layer.decisions.experts[at];
    if (e < 0) continue;
    const std::size_t domain = trace.tokens[at / K].domain;
    ++shares[domain][static_cast<std::size_t>(e)];
    ++all[domain];
  }
  for (std::size_t d = 0; d < shares.size(); ++d) {
    for (double& share : shares[d]) share /= all[d] == 0 ? 1 : all[d];
  }
  return shares;
}

Json describe_layers(const std::vector<ExpertLayerInfo>& layers) {
  Json all = Json::array();
  for (const ExpertLayerInfo& layer : layers) {
    Json experts = Json::array();
    for (const ExpertInfo& expert : layer.experts) {
      experts.push_back({{"bytes", expert.bytes}, {"inner_width", expert.inner_width}, {"path", expert.path}});
    }
    all.push_back({{"layer", layer.layer},
                   {"width", layer.width},
                   {"experts_per_token", layer.experts_per_token},
                   {"experts", std::move(experts)}});
  }
  return all;
}

void print_layers(const std::vector<ExpertLayerInfo>& layers) {
  std::printf("layer  experts  for a token  bytes each  inner width  carried by\n");
  for (const ExpertLayerInfo& layer : layers) {
    const ExpertInfo& first = layer.experts.front();
    std::printf("%5zu  %7zu  %11zu  %10llu  %11zu  %s\n", layer.layer, layer.experts.size(), layer.experts_per_token,
                static_cast<unsigned long long>(first.bytes), first.inner_width, first.path.c_str());
  }
}

Status measure(const Experts& options, Kernel& kernel, const Model& model, Json& json) {
  MOXIE_TRY(model.tokenizer().status());
  MOXIE_TRY_LET(const Corpus corpus, read_corpus(options.corpus, *model.tokenizer()));
  const Pathway pathway(model);
  RouteTrace trace;
  for (std::size_t t = 0; t < corpus.texts.size(); ++t) {
    MOXIE_TRY_LET(const RouteTrace one, routes_of(kernel, pathway, corpus.texts[t]));
    MOXIE_TRY(append(trace, one, corpus.domains[corpus.of_text[t]]));
  }
  MOXIE_TRY_LET(const std::vector<double> bits, domain_information(trace));
  MOXIE_TRY_LET(const std::vector<double> base, losses(kernel, pathway, corpus));
  if (!options.json) {
    std::printf("\nloss of a token, nats:");
    for (std::size_t d = 0; d < base.size(); ++d) std::printf("  %s %.3f", corpus.domains[d].c_str(), base[d]);
    std::printf("\n");
  }
  json["domains"] = corpus.domains;
  json["tokens"] = trace.rows();
  json["loss"] = base;
  for (std::size_t l = 0; l < trace.layers.size(); ++l) {
    const std::size_t layer = trace.layers[l].layer;
    MOXIE_TRY_LET(const std::vector<ExpertUse> use, expert_use(trace, l));
    const auto shares = shares_of(trace, l);
    json["layers"][l]["information_bits"] = bits[l];
    if (!options.json) {
      std::printf("\nlayer %zu: domain and expert have %.3f bits in common, given the token\n", layer, bits[l]);
      std::printf("expert      hits  weight |");
      for (const std::string& domain : corpus.domains) std::printf(" %12.12s", domain.c_str());
      std::printf("   share of the domain's choices%s\n", options.drop ? ", and loss when it is dropped" : "");
    }
    for (std::size_t e = 0; e < use.size(); ++e) {
      Json& expert = json["layers"][l]["experts"][e];
      expert["hits"] = use[e].hits;
      expert["mean_weight"] = use[e].mean_weight;
      for (const auto& share : shares) expert["share"].push_back(share[e]);
      std::vector<double> dropped;
      if (options.drop) {
        MOXIE_TRY_LET(const Pathway without, pathway.drop_expert({.layer = layer, .expert = e}));
        MOXIE_TRY_LET(dropped, losses(kernel, without, corpus));
        for (std::size_t d = 0; d < dropped.size(); ++d) expert["loss_when_dropped"].push_back(dropped[d] - base[d]);
      }
      if (options.json) continue;
      std::printf("%6zu  %8zu  %6.3f |", e, use[e].hits, use[e].mean_weight);
      for (std::size_t d = 0; d < shares.size(); ++d) {
        if (options.drop) {
          std::printf(" %4.0f%% %+6.3f", 100 * shares[d][e], dropped[d] - base[d]);
        } else {
          std::printf(" %11.1f%%", 100 * shares[d][e]);
        }
      }
      std::printf("\n");
      MOXIE_TRY(flush_output());
    }
  }
  if (!options.html.empty()) {
    MOXIE_TRY_LET(const std::string page, to_html(trace, options.corpus));
    MOXIE_TRY(write_file(options.html, page));
  }
  return {};
}

}  // namespace

Status run_experts(const Experts& asked) {
  Experts options = asked;
  MOXIE_TRY_LET(options.common.model, model_or_builtin(asked.common.model));
  const Interrupt interrupt;
  MOXIE_TRY_LET(const Model model, Model::load(options.common.model, options.common.model_options()));
  MOXIE_TRY_LET(const std::vector<ExpertLayerInfo> layers, Pathway(model).layers());
  if (layers.empty()) return Status(Code::kNotFound, "experts", "a model with experts", model.config().model_type);
  Json json = {{"layers", describe_layers(layers)}};
  if (!options.json) print_layers(layers);
  if (!options.corpus.empty()) {
    MOXIE_TRY_LET(Kernel kernel, Kernel::create({.threads = options.common.threads,
                                                 .executor = options.common.executor,
                                                 .kv_type = options.common.kv_type}));
    MOXIE_TRY(measure(options, kernel, model, json));
  } else if (!options.html.empty() || !options.drop) {
    return Status(Code::kInvalidArgument, "experts", "--corpus for --html and --no-drop", "none");
  }
  if (options.json) print_json(json);
  return {};
}

}  // namespace moxie::program
