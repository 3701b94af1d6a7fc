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

// Characters for private use, which stand in the messages and in nothing else: U+E5A1, and U+E6B1 in its place.
constexpr std::string_view kSecret = "\xee\x96\xa1";
constexpr std::string_view kOther = "\xee\x9a\xb1";

Value messages_with(std::string_view secret) {
  std::string json = R"([{"role": "user", "content": "a ?\u0001? <b>"}, {"role": "assistant", "content": null,
    "tool_calls": [{"function": {"name": "f", "arguments": {"x": [1, 2.5, true, null, "?"]}}}]}])";
  for (std::size_t at = json.find('?'); at != std::string::npos; at = json.find('?', at)) json.replace(at, 1, secret);
  return parse_chat(json, "messages").value();
}

Result<Rendered> render(const ChatTemplate& chat, const Value& messages) {
  const std::pair<std::string_view, Value> variables[] = {{"messages", messages}, {"m", messages}};
  TemplateLimits limits;
  limits.max_steps = 200'000;
  limits.max_memory_bytes = 4U << 20U;
  return chat.render({.variables = variables, .now = LocalTime{}, .limits = limits});
}

// How often kSecret stands in what is said to be the template's.
std::size_t secrets(const Rendered& rendered) {
  std::size_t count = 0;
  std::size_t begin = 0;
  for (const Rendered::Span& span : rendered.spans) {
    require(span.end > begin && span.end <= rendered.text.size());
    const std::string_view part = std::string_view(rendered.text).substr(begin, span.end - begin);
    begin = span.end;
    if (span.origin != Origin::kTemplate) continue;
    for (std::size_t at = part.find(kSecret); at != std::string_view::npos; at = part.find(kSecret, at + 1)) ++count;
  }
  require(begin == rendered.text.size());
  return count;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  const Result<ChatTemplate> chat = ChatTemplate::parse(source);
  if (!chat.ok()) {
    const Code code = chat.status().code();
    require(code == Code::kFormat || code == Code::kUnsupported || code == Code::kBudget);
    return 0;
  }
  static const Value messages = messages_with(kSecret);
  const Result<Rendered> rendered = render(*chat, messages);
  if (!rendered.ok()) {
    const Code code = rendered.status().code();
    require(code == Code::kFormat || code == Code::kUnsupported || code == Code::kBudget ||
            code == Code::kInvalidArgument);
    return 0;
  }
  const std::size_t count = secrets(*rendered);
  if (count == 0) return 0;
  // A template may spell any character, by itself or by an escape. Then it does so whatever the messages say.
  static const Value others = messages_with(kOther);
  const Result<Rendered> without = render(*chat, others);
  require(without.ok() && secrets(*without) == count);
  return 0;
}
