// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <bit>

#include <moxie/core/guard.hpp>
#include <moxie/model/route_trace.hpp>

#include "model/explain/page.hpp"
#include "model/explain/trace_writer.hpp"

namespace moxie::inline abi1 {

namespace {

/// What is in a page must not end its script: a token's text is anybody's.
std::string without_tags(std::string_view json) {
  std::string safe;
  for (const char c : json) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

/// Little-endian numbers, as base64 in quotation marks.
template <class T, class Of>
void write_numbers(model::Writer& out, std::size_t count, Of&& of) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  out.text("\"");
  std::array<unsigned char, 3> three{};
  std::size_t n = 0;
  const auto flush = [&] {
    if (n == 0) return;
    const unsigned bits = static_cast<unsigned>(three[0]) << 16U | static_cast<unsigned>(n > 1 ? three[1] : 0) << 8U |
                          static_cast<unsigned>(n > 2 ? three[2] : 0);
    const std::array<char, 4> four = {kLetters[bits >> 18U & 63U], kLetters[bits >> 12U & 63U],
                                      n > 1 ? kLetters[bits >> 6U & 63U] : '=', n > 2 ? kLetters[bits & 63U] : '='};
    out.text({four.data(), four.size()});
    n = 0;
  };
  for (std::size_t i = 0; i < count; ++i) {
    const T bits = of(i);
    for (unsigned byte = 0; byte < sizeof(T); ++byte) {
      three[n++] = static_cast<unsigned char>(bits >> (8 * byte) & 0xffU);
      if (n == 3) flush();
    }
  }
  flush();
  out.text("\"");
}

void write_ids(model::Writer& out, const std::vector<std::int32_t>& ids) {
  write_numbers<std::uint32_t>(out, ids.size(), [&](std::size_t i) { return static_cast<std::uint32_t>(ids[i]); });
}
void write_floats(model::Writer& out, const std::vector<float>& numbers) {
  write_numbers<std::uint32_t>(out, numbers.size(),
                               [&](std::size_t i) { return std::bit_cast<std::uint32_t>(numbers[i]); });
}

std::string data_of(const RouteTrace& trace) {
  model::Writer out;
  out.text("{\"model\":\"").hex(trace.model).text("\",\"pathway\":\"").hex(trace.pathway);
  out.text("\",\"host_dependent\":").text(trace.host_dependent ? "true" : "false").text(",\"domains\":[");
  out.list(trace.domains.size(), [&](std::size_t i) { out.json(trace.domains[i]); }).text("],\n\"texts\":[");
  out.list(trace.rows(), [&](std::size_t i) { out.json(trace.tokens[i].text); }).text("],\n\"ids\":[");
  out.list(trace.rows(), [&](std::size_t i) { out.number(trace.tokens[i].id); }).text("],\n\"prompts\":[");
  out.list(trace.rows(), [&](std::size_t i) { out.number(trace.tokens[i].prompt); }).text("],\n\"positions\":[");
  out.list(trace.rows(), [&](std::size_t i) { out.number(trace.tokens[i].position); }).text("],\n\"domain\":[");
  out.list(trace.rows(), [&](std::size_t i) { out.number(trace.tokens[i].domain); }).text("],\n\"layers\":[");
  out.list(trace.layers.size(), [&](std::size_t i) {
    const RouteTrace::Layer& layer = trace.layers[i];
    out.text("\n{\"layer\":").number(layer.layer).text(",\"experts\":").number(layer.decisions.num_experts);
    out.text(",\"slots\":").number(layer.decisions.experts_per_token).text(",\"chosen\":");
    write_ids(out, layer.decisions.experts);
    out.text(",\"weights\":");
    write_floats(out, layer.decisions.weights);
    out.text(",\"runner_up\":");
    write_ids(out, layer.runner_up);
    out.text(",\"margin\":");
    write_floats(out, layer.margin);
    out.text(",\"entropy\":");
    write_floats(out, layer.entropy);
    out.text("}");
  });
  out.text("]}");
  return without_tags(out.take());
}

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (c == '<') {
      safe += "&lt;";
    } else if (c == '&') {
      safe += "&amp;";
    } else {
      safe += c;
    }
  }
  return safe;
}

}  // namespace

Result<std::string> to_html(const RouteTrace& trace, std::string_view title) noexcept {
  std::string html;
  const Status done = guarded("to_html", [&]() -> Status {
    model::Writer out;
    const std::string name = escaped(title);
    out.text("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>").text(name);
    out.text("</title>\n<style>").text(model::kPageStyle).text("</style>\n</head>\n<body>\n<h1>").text(name);
    out.text("</h1>\n").text(model::kPageBody);
    out.text("<script type=\"application/json\" id=\"routes\">").text(data_of(trace)).text("</script>\n<script>");
    out.text(model::kPageScript).text("</script>\n</body>\n</html>\n");
    html = out.take();
    return {};
  });
  MOXIE_TRY(done);
  return html;
}

}  // namespace moxie
