// SPDX-License-Identifier: Apache-2.0
#include "tool/utf8.hpp"

#include <moxie/core/utf8.hpp>

namespace moxie::inline abi1::tools {

std::string printable_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (;;) {
    const std::size_t good = utf8::valid_size(text);
    result.append(text.substr(0, good));
    if (good == text.size()) return result;
    result.push_back('?');
    text.remove_prefix(good + 1);
  }
}

}  // namespace moxie::tools
