// SPDX-License-Identifier: Apache-2.0
// Any bytes as a chat template: a typed error, or a prompt whose spans tell who wrote it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include <moxie/text/chat_template.hpp>
#include <moxie/text/message.hpp>

using namespace moxie;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

// What a template of the fuzzer's could only have from the messages.
constexpr std::string_view kSecret = "\x01\x02\x03";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  if (source.find_first_of("\x01\x02\x03") != std::string_view::npos || source.find("\\x0") != std::string_view::npos)
    return 0;
  const Result<ChatTemplate> chat = ChatTemplate::parse(source);
  if (!chat.ok()) {
    const Code code = chat.status().code();
    require(code == Code::kFormat || code == Code::kUnsupported || code == Code::kBudget);
    return 0;
  }
  static const Value messages =
      parse_chat(R"([{"role": "user", "content": "a \u0001\u0002\u0003 <b>"}, {"role": "assistant", "content": null,
        "tool_calls": [{"function": {"name": "f", "arguments": {"x": [1, 2.5, true, null, "\u0001"]}}}]}])",
                 "messages")
          .value();
  const std::pair<std::string_view, Value> variables[] = {{"messages", messages}, {"m", messages}};
  TemplateLimits limits;
  limits.max_steps = 200'000;
  limits.max_memory_bytes = 4U << 20U;
  const Result<Rendered> rendered = chat->render({.variables = variables, .now = LocalTime{}, .limits = limits});
  if (!rendered.ok()) {
    const Code code = rendered.status().code();
    require(code == Code::kFormat || code == Code::kUnsupported || code == Code::kBudget ||
            code == Code::kInvalidArgument);
    return 0;
  }
  std::size_t begin = 0;
  for (const Rendered::Span& span : rendered->spans) {
    require(span.end > begin && span.end <= rendered->text.size());
    const std::string_view part = std::string_view(rendered->text).substr(begin, span.end - begin);
    if (span.origin == Origin::kTemplate) require(part.find_first_of(kSecret) == std::string_view::npos);
    begin = span.end;
  }
  require(begin == rendered->text.size());
  return 0;
}
