// SPDX-License-Identifier: Apache-2.0
// Any bytes as messages in JSON, and as an answer that streams. The first byte chooses: of an answer, its syntax; an
// answer gives the same events in one piece and byte by byte, and no byte of plain text is lost.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/text/answer_stream.hpp>
#include <moxie/text/message.hpp>

using namespace moxie;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

std::vector<AnswerEvent> events_of(std::string_view text, std::size_t piece, const AnswerOptions& options) {
  AnswerStream stream(options);
  std::vector<AnswerEvent> events;
  for (std::size_t at = 0; at < text.size(); at += piece) require(stream.feed(text.substr(at, piece), events).ok());
  require(stream.finish(events).ok());
  return events;
}

// Text and reasoning come joined, since all events go to one list.
void same(const std::vector<AnswerEvent>& a, const std::vector<AnswerEvent>& b) {
  require(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    require(a[i].kind == b[i].kind && a[i].text == b[i].text && a[i].call == b[i].call);
    require(a[i].kind != AnswerEvent::Kind::kMalformedCall || !a[i].note.ok());
  }
}

void stream(std::uint8_t choice, std::string_view text) {
  AnswerOptions options;
  const std::size_t form = choice & 31U;
  if (form < std::size(kCallForms)) options.forms = {&kCallForms[form], find_call_form("hermes")};
  options.channels = form < std::size(kCallForms) && kCallForms[form].encoding == CallForm::Encoding::kChannel;
  options.reasoning = (choice & 32U) != 0;
  options.max_call_bytes = (choice & 64U) != 0 ? 40 : 1U << 20U;
  const std::vector<AnswerEvent> whole = events_of(text, text.size() + 1, options);
  same(whole, events_of(text, 1, options));
  same(whole, events_of(text, 7, options));
  if (!options.forms.empty() || options.reasoning) return;
  std::string joined;
  for (const AnswerEvent& event : whole) joined += event.text;
  require(joined == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  if ((data[0] & 128U) == 0) {
    stream(data[0], text);
    return 0;
  }
  for (const Code code : {parse_chat(text, "chat").status().code(), parse_value(text, "value").status().code()}) {
    require(code == Code::kOk || code == Code::kFormat || code == Code::kBudget);
  }
  const auto messages = parse_messages(text, "chat");
  if (!messages.ok()) return 0;
  const Code code = to_value(*messages).status().code();
  require(code == Code::kOk || code == Code::kUnsupported || code == Code::kFormat || code == Code::kBudget);
  return 0;
}
