// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <limits>

#include <moxie/core/guard.hpp>
#include <moxie/model/route_trace.hpp>

#include "format/json_fields.hpp"
#include "model/explain/trace_writer.hpp"

namespace moxie::inline abi1 {

namespace {

using format::JsonFields;
using format::JsonValue;

constexpr std::string_view kFormat = "moxie.routes-1";
constexpr std::string_view kWhere = "routes";
constexpr format::JsonLimits kLimits = {
    .max_bytes = std::uint64_t{1} << 31U, .max_depth = 8, .max_values = std::uint64_t{1} << 28U};
constexpr std::uint64_t kMostExperts = 1U << 20U;

Status wrong(std::string_view what, const JsonValue& value) {
  return Status(Code::kFormat, kWhere, what, value.describe());
}

Result<std::uint64_t> read_hash(const JsonFields& fields, std::string_view key) {
  MOXIE_TRY_LET(const std::string_view text, fields.string(key));
  std::uint64_t hash = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), hash, 16);
  if (error != std::errc() || end != text.data() + text.size() || text.size() != 16) {
    return wrong(Text(key, " as 16 hexadecimal digits"), fields.get(key));
  }
  return hash;
}

/// An array of `count` elements that `read` makes of a JsonValue, or nothing.
template <class T, class Read>
Status read_list(const JsonFields& fields, std::string_view key, std::size_t count, std::vector<T>& to, Read&& read) {
  const JsonValue array = fields.get(key);
  if (!array.is_array() || array.size() != count) return wrong(Text(key, " as an array of ", count), array);
  to.reserve(count);
  for (const JsonValue::Member& member : array) {
    const std::optional<T> value = read(member.value);
    if (!value) return wrong(Text(key, " of numbers within their range"), member.value);
    to.push_back(*value);
  }
  return {};
}

auto whole(std::int64_t least, std::int64_t most) {
  return [=](const JsonValue& value) -> std::optional<std::int32_t> {
    const auto number = value.as_i64();
    if (!number || *number < least || *number > most) return std::nullopt;
    return static_cast<std::int32_t>(*number);
  };
}
std::optional<float> real(const JsonValue& value) {
  if (value.is_null()) return std::numeric_limits<float>::quiet_NaN();
  const auto number = value.as_double();
  if (!number || !std::isfinite(static_cast<float>(*number))) return std::nullopt;
  return static_cast<float>(*number);
}
std::optional<float> finite(const JsonValue& value) { return value.is_null() ? std::nullopt : real(value); }

Result<RouteTrace::Layer> read_layer(const JsonFields& fields, std::size_t R) {
  RouteTrace::Layer layer;
  MOXIE_TRY_LET(layer.layer, fields.whole("layer", 0, 1U << 16U));
  MOXIE_TRY_LET(layer.decisions.num_experts, fields.whole("experts", 1, kMostExperts));
  MOXIE_TRY_LET(layer.decisions.experts_per_token, fields.whole("slots", 1, layer.decisions.num_experts));
  const auto N = static_cast<std::int64_t>(layer.decisions.num_experts);
  const std::size_t K = layer.decisions.experts_per_token;
  MOXIE_TRY(read_list(fields, "chosen", R * K, layer.decisions.experts, whole(LayerDecisions::kNotRecorded, N - 1)));
  MOXIE_TRY(read_list(fields, "weights", R * K, layer.decisions.weights, finite));
  MOXIE_TRY(read_list(fields, "runner_up", R, layer.runner_up, whole(kNoExpert, N - 1)));
  MOXIE_TRY(read_list(fields, "margin", R, layer.margin, real));
  MOXIE_TRY(read_list(fields, "entropy", R, layer.entropy, real));
  return layer;
}

Result<RouteTrace> read(std::string_view text) {
  MOXIE_TRY_LET(const format::JsonDocument document, format::JsonDocument::parse(text, kLimits, kWhere));
  const JsonFields fields(kWhere, document.root());
  MOXIE_TRY_LET(const std::string_view form, fields.string("format"));
  if (form != kFormat) return wrong(Text("format \"", kFormat, "\""), fields.get("format"));
  RouteTrace trace;
  MOXIE_TRY_LET(trace.model, read_hash(fields, "model"));
  MOXIE_TRY_LET(trace.pathway, read_hash(fields, "pathway"));
  MOXIE_TRY_LET(trace.host_dependent, fields.boolean("host_dependent"));
  for (const JsonValue::Member& member : fields.get("domains")) {
    const auto name = member.value.as_string();
    if (!name) return wrong("domains as texts", member.value);
    trace.domains.emplace_back(*name);
  }
  for (const JsonValue::Member& member : fields.get("tokens")) {
    const JsonFields token(kWhere, member.value);
    RouteTrace::Token read;
    MOXIE_TRY_LET(const std::uint64_t id, token.whole("id", 0, std::numeric_limits<std::int32_t>::max()));
    MOXIE_TRY_LET(const std::string_view piece, token.string("text", ""));
    MOXIE_TRY_LET(read.prompt, token.whole("prompt", 0, 1U << 30U, 0));
    MOXIE_TRY_LET(const std::uint64_t at, token.whole("position", 0, std::numeric_limits<std::int32_t>::max()));
    MOXIE_TRY_LET(read.domain, token.whole("domain", 0, trace.domains.empty() ? 0 : trace.domains.size() - 1, 0));
    read.id = static_cast<TokenId>(id);
    read.text = piece;
    read.position = static_cast<Position>(at);
    trace.tokens.push_back(std::move(read));
  }
  for (const JsonValue::Member& member : fields.get("layers")) {
    MOXIE_TRY_LET(RouteTrace::Layer layer, read_layer(JsonFields(kWhere, member.value), trace.rows()));
    if (!trace.layers.empty() && layer.layer <= trace.layers.back().layer) {
      return wrong("layers by ascending number", member.value.find("layer"));
    }
    trace.layers.push_back(std::move(layer));
  }
  if (trace.layers.empty()) return wrong("layers", fields.get("layers"));
  return trace;
}

}  // namespace

Result<std::string> to_json(const RouteTrace& trace) noexcept {
  std::string json;
  const Status done = guarded("to_json", [&]() -> Status {
    model::Writer out;
    out.text("{\"format\":").json(kFormat).text(",\"model\":\"").hex(trace.model);
    out.text("\",\"pathway\":\"").hex(trace.pathway).text("\",\"host_dependent\":");
    out.text(trace.host_dependent ? "true" : "false").text(",\"domains\":[");
    out.list(trace.domains.size(), [&](std::size_t i) { out.json(trace.domains[i]); }).text("],\"tokens\":[");
    out.list(trace.rows(), [&](std::size_t i) {
      const RouteTrace::Token& token = trace.tokens[i];
      out.text("\n{\"id\":").number(token.id).text(",\"text\":").json(token.text).text(",\"prompt\":");
      out.number(token.prompt).text(",\"position\":").number(token.position).text(",\"domain\":");
      out.number(token.domain).text("}");
    });
    out.text("],\"layers\":[");
    out.list(trace.layers.size(), [&](std::size_t i) {
      const RouteTrace::Layer& layer = trace.layers[i];
      const LayerDecisions& chosen = layer.decisions;
      out.text("\n{\"layer\":").number(layer.layer).text(",\"experts\":").number(chosen.num_experts);
      out.text(",\"slots\":").number(chosen.experts_per_token).text(",\"chosen\":[");
      out.list(chosen.experts.size(), [&](std::size_t at) { out.number(chosen.experts[at]); }).text("],\"weights\":[");
      out.list(chosen.weights.size(), [&](std::size_t at) { out.finite(chosen.weights[at], "null"); });
      out.text("],\"runner_up\":[");
      out.list(layer.runner_up.size(), [&](std::size_t at) { out.number(layer.runner_up[at]); }).text("],\"margin\":[");
      out.list(layer.margin.size(), [&](std::size_t at) { out.finite(layer.margin[at], "null"); });
      out.text("],\"entropy\":[");
      out.list(layer.entropy.size(), [&](std::size_t at) { out.finite(layer.entropy[at], "null"); }).text("]}");
    });
    out.text("]}\n");
    json = out.take();
    return {};
  });
  MOXIE_TRY(done);
  return json;
}

Result<RouteTrace> route_trace_from_json(std::string_view json) noexcept {
  RouteTrace trace;
  const Status done = guarded("route_trace_from_json", [&]() -> Status {
    MOXIE_TRY_LET(trace, read(json));
    return {};
  });
  MOXIE_TRY(done);
  return trace;
}

}  // namespace moxie
