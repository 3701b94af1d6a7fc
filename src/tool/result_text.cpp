// SPDX-License-Identifier: Apache-2.0
#include <moxie/tool/result_text.hpp>

#include <algorithm>

namespace moxie::inline abi1 {

void ResultText::add(std::string_view text) {
  // Only a text that is whole may grow: what is kept is always the beginning.
  if (whole()) kept_.append(text.substr(0, std::min(text.size(), limit_bytes_ - kept_.size())));
  size_ += text.size();
}

void ResultText::quote(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  add("\"");
  while (!text.empty()) {
    const auto special = std::find_if(
        text.begin(), text.end(), [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; });
    const auto plain = static_cast<std::size_t>(special - text.begin());
    add(text.substr(0, plain));
    if (special == text.end()) break;
    const char c = *special;
    if (c == '"' || c == '\\') {
      const char escaped[] = {'\\', c};
      add({escaped, 2});
    } else if (c == '\n') {
      add("\\n");
    } else {
      const auto byte = static_cast<unsigned char>(c);
      const char escaped[] = {'\\', 'u', '0', '0', kDigits[byte >> 4U], kDigits[byte & 0xfU]};
      add({escaped, 6});
    }
    text.remove_prefix(plain + 1);
  }
  add("\"");
}

}  // namespace moxie
