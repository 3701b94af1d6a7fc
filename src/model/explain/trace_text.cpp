// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <moxie/core/guard.hpp>
#include <moxie/model/route_trace.hpp>

#include "model/explain/trace_writer.hpp"

namespace moxie::inline abi1 {

namespace {

/// As RFC 4180 has it: in quotation marks, those within doubled.
void write_csv(model::Writer& out, std::string_view text) {
  out.text("\"");
  for (const char c : text) out.text(c == '"' ? std::string_view("\"\"") : std::string_view(&c, 1));
  out.text("\"");
}

}  // namespace

Result<std::string> to_csv(const RouteTrace& trace) noexcept {
  std::string csv;
  const Status done = guarded("to_csv", [&]() -> Status {
    model::Writer out;
    out.text("prompt,position,id,text,domain,layer,slot,expert,weight,runner_up,margin,entropy\r\n");
    for (std::size_t row = 0; row < trace.rows(); ++row) {
      const RouteTrace::Token& token = trace.tokens[row];
      model::Writer head;
      head.number(token.prompt).text(",").number(token.position).text(",").number(token.id).text(",");
      write_csv(head, token.text);
      head.text(",");
      write_csv(head, token.domain < trace.domains.size() ? trace.domains[token.domain] : std::string());
      const std::string begin = head.take();
      for (const RouteTrace::Layer& layer : trace.layers) {
        const std::size_t K = layer.decisions.experts_per_token;
        for (std::size_t slot = 0; slot < K; ++slot) {
          const std::int32_t expert = layer.decisions.experts[row * K + slot];
          if (expert < 0 && slot > 0) break;
          out.text(begin).text(",").number(layer.layer).text(",");
          if (expert < 0) {
            out.text(",,,,,\r\n");
            break;
          }
          out.number(slot).text(",").number(expert).text(",").number(layer.decisions.weights[row * K + slot]).text(",");
          if (layer.runner_up[row] >= 0) out.number(layer.runner_up[row]);
          out.text(",").finite(layer.margin[row], "").text(",").finite(layer.entropy[row], "").text("\r\n");
        }
      }
    }
    csv = out.take();
    return {};
  });
  MOXIE_TRY(done);
  return csv;
}

Result<std::string> to_svg(const RouteTrace& trace) noexcept {
  std::string svg;
  const Status done = guarded("to_svg", [&]() -> Status {
    std::size_t most = 0;
    for (const RouteTrace::Layer& layer : trace.layers) most = std::max(most, layer.decisions.num_experts);
    const std::size_t cell = most > 64 ? 8 : most > 16 ? 14 : 24;
    const std::size_t left = 64;
    const std::size_t top = 52;
    const std::size_t width = left + std::max<std::size_t>(most * cell, 320) + 16;
    const std::size_t height = top + trace.layers.size() * cell + 20;
    model::Writer out;
    out.text("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"").number(width).text("\" height=\"").number(height);
    out.text(
        "\" font-family=\"system-ui, sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" "
        "fill=\"#fff\"/>\n<text x=\"");
    out.number(left).text(
        "\" y=\"18\" font-size=\"13\">How often each expert was chosen; the darkest: 3 times its even "
        "share or more</text>\n<text x=\"");
    out.number(left).text("\" y=\"40\" fill=\"#666\">experts 0 to ").number(most == 0 ? 0 : most - 1).text("</text>\n");
    for (std::size_t l = 0; l < trace.layers.size(); ++l) {
      const RouteTrace::Layer& layer = trace.layers[l];
      MOXIE_TRY_LET(const std::vector<ExpertUse> use, expert_use(trace, l));
      std::size_t sum = 0;
      for (const ExpertUse& u : use) sum += u.hits;
      const std::size_t y = top + l * cell;
      out.text("<text x=\"").number(left - 6).text("\" y=\"").number(y + cell / 2 + 4);
      out.text("\" text-anchor=\"end\" fill=\"#666\">").number(layer.layer).text("</text>\n");
      for (std::size_t e = 0; e < use.size(); ++e) {
        const double share =
            sum == 0 ? 0
                     : static_cast<double>(use[e].hits) * static_cast<double>(use.size()) / static_cast<double>(sum);
        const double depth = std::min(1.0, share / 3);
        const auto mix = [&](double end) { return static_cast<int>(std::lround(255 + (end - 255) * depth)); };
        out.text("<rect x=\"").number(left + e * cell).text("\" y=\"").number(y).text("\" width=\"").number(cell - 1);
        out.text("\" height=\"").number(cell - 1).text("\" fill=\"rgb(").number(mix(8)).text(",").number(mix(48));
        out.text(",").number(mix(107)).text(")\"><title>layer ").number(layer.layer).text(", expert ").number(e);
        out.text(": ").number(use[e].hits).text(" rows, mean weight ").number(static_cast<float>(use[e].mean_weight));
        out.text("</title></rect>\n");
      }
    }
    out.text("</svg>\n");
    svg = out.take();
    return {};
  });
  MOXIE_TRY(done);
  return svg;
}

}  // namespace moxie
