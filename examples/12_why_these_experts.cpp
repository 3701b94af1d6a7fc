// SPDX-License-Identifier: Apache-2.0
// Which experts worked on which token, and whom the router would have taken instead. Then the same answer again, from
// the record. `moxie route -p PROMPT --html page.html` makes a page of such a record.
#include <cstdio>

#include <moxie/model/route_trace.hpp>
#include <moxie/moxie.hpp>

moxie::Status example(const char* path) {
  MOXIE_TRY_LET(const auto model, moxie::Model::load(path));
  MOXIE_TRY_LET(auto kernel, moxie::Kernel::create({.threads = 2, .memory_bytes = 256 << 20}));
  const moxie::Pathway pathway(model);
  MOXIE_TRY_LET(const auto log, moxie::RouteLog::create(pathway));
  MOXIE_TRY_LET(const auto recorded, pathway.record(log));

  MOXIE_TRY_LET(auto chat, moxie::Chat::create(kernel, recorded));
  auto answer = chat.ask("What is 17 times 4?", {.max_tokens = 20});
  MOXIE_TRY(answer.run());
  MOXIE_TRY(answer.status());
  MOXIE_TRY_LET(const auto trace, log->trace(chat.context()->tokens(), &*model.tokenizer()));

  const moxie::RouteTrace::Layer& layer = trace.layers[0];
  const std::size_t K = layer.decisions.experts_per_token;
  for (std::size_t row = trace.rows() - 6; row < trace.rows(); ++row) {
    const std::int32_t* experts = &layer.decisions.experts[row * K];
    std::printf("layer %zu: \"%s\" went to experts %d and %d; without %d it would have been %d, margin %.2f\n",
                layer.layer, trace.tokens[row].text.c_str(), experts[0], experts[1], experts[1], layer.runner_up[row],
                static_cast<double>(layer.margin[row]));
  }

  // The page, or JSON, CSV and SVG; from JSON the record is read back with every bit.
  MOXIE_TRY_LET(const std::string json, moxie::to_json(trace));
  MOXIE_TRY_LET(const auto again, moxie::route_trace_from_json(json));
  MOXIE_TRY_LET(const auto same, moxie::diff(trace, again));
  if (same.first_difference != trace.rows()) return {moxie::Code::kInternal, "example", "the same record", "another"};
  MOXIE_TRY_LET(const std::string page, moxie::to_html(trace, "Why these experts"));
  std::printf("%zu tokens, %zu layers: a page of %zu bytes\n", trace.rows(), trace.layers.size(), page.size());
  return {};
}

int main(int argc, char** argv) {
  const moxie::Status status = example(argc > 1 ? argv[1] : "model.gguf");
  if (!status.ok()) std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()), status.message().data());
  return status.ok() ? 0 : 1;
}
