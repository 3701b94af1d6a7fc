// SPDX-License-Identifier: Apache-2.0
#include <moxie/tool/result_text.hpp>

#include <algorithm>

#include <moxie/core/json_string.hpp>

namespace moxie::inline abi1 {

void ResultText::add(std::string_view text) {
  // Only a text that is whole may grow: what is kept is always the beginning.
  if (whole()) kept_.append(text.substr(0, std::min(text.size(), limit_bytes_ - kept_.size())));
  size_ += text.size();
}

void ResultText::quote(std::string_view text) {
  json::write_string(text, [this](std::string_view part) { add(part); });
}

}  // namespace moxie
