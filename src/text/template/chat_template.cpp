// SPDX-License-Identifier: Apache-2.0
#include <moxie/text/chat_template.hpp>

#include <algorithm>

#include <moxie/core/guard.hpp>

#include "text/template/engine.hpp"
#include "text/template/parser.hpp"

namespace moxie::inline abi1 {

struct ChatTemplate::Parsed {
  std::string name;
  text::Ast ast;
};

namespace {

Status located(const text::Failure& failure, std::string_view name, std::uint32_t line) noexcept {
  return Status(failure.code, Text(name, ", line ", line), failure.status.needed(), failure.status.came());
}

// What the variables hold, so that a limit can grow with what was given.
std::uint64_t bytes_given(const RenderInput& input) noexcept {
  constexpr std::uint64_t kMax = std::uint64_t{1} << 40U;
  std::uint64_t total = 0;
  for (const auto& [name, value] : input.variables) {
    const text::Payload* payload = text::Payload::of(value);
    if (payload != nullptr) total = std::min(kMax, total + std::min(kMax, payload->weight));
  }
  return total;
}

}  // namespace

Result<ChatTemplate> ChatTemplate::parse(std::string_view source, std::string_view name,
                                         const TemplateLimits& limits) noexcept {
  std::shared_ptr<const Parsed> parsed;
  MOXIE_TRY(guarded(name, [&]() -> Status {
    if (source.size() > limits.max_template_bytes) {
      return Status(Code::kBudget, name, Text("at most ", limits.max_template_bytes, " bytes (max_template_bytes)"),
                    Text(source.size()));
    }
    const std::string normalized = text::normalize_newlines(source, true);
    text::Parser parser(normalized);
    try {
      parsed = std::make_shared<const Parsed>(Parsed{std::string(name), parser.parse()});
    } catch (const text::Failure& failure) {
      return located(failure, name, parser.line());
    }
    return {};
  }));
  return ChatTemplate(std::move(parsed));
}

Result<Rendered> ChatTemplate::render(const RenderInput& input) const noexcept {
  Rendered rendered;
  MOXIE_TRY(guarded(parsed_->name, [&]() -> Status {
    const TemplateLimits& limits = input.limits;
    const std::uint64_t given = bytes_given(input) + parsed_->ast.source_bytes();
    text::Meter meter(limits.max_steps, limits.max_memory_bytes + 3 * given, limits.max_output_bytes);
    std::optional<text::Engine> engine;
    try {
      engine.emplace(parsed_->ast, meter, input);
      const Value result = engine->run();
      const text::StringData& data = text::string_of(result);
      rendered.text = data.text;
      rendered.spans.reserve(data.runs.size() + 1);
      for (const text::Run& run : data.runs) rendered.spans.push_back({run.end, run.origin});
      if (data.runs.empty() && !data.text.empty()) rendered.spans.push_back({data.text.size(), result.origin()});
    } catch (const text::Failure& failure) {
      return located(failure, parsed_->name, engine ? engine->line() : 0);
    }
    return {};
  }));
  return rendered;
}

}  // namespace moxie
