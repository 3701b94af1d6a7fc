// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <moxie/text/chat_template.hpp>
#include <moxie/text/message.hpp>

namespace moxie::test {

/// `json` as data.
inline Value data(std::string_view json) { return parse_value(json, "test").value(); }

using Variables = std::vector<std::pair<std::string_view, Value>>;

inline Result<Rendered> render(std::string_view source, const Variables& variables = {},
                               const TemplateLimits& limits = {}) {
  MOXIE_TRY_LET(const ChatTemplate chat, ChatTemplate::parse(source, "test", limits));
  return chat.render({.variables = variables, .now = LocalTime{.year = 2024, .month = 2, .day = 9}, .limits = limits});
}

/// The text with its data in braces: "<|im_start|>{user}\n".
inline std::string marked(const Rendered& rendered) {
  std::string out;
  std::size_t begin = 0;
  for (const auto& span : rendered.spans) {
    const std::string text = rendered.text.substr(begin, span.end - begin);
    out += span.origin == Origin::kData ? "{" + text + "}" : text;
    begin = span.end;
  }
  return out;
}

}  // namespace moxie::test
