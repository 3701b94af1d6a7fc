// SPDX-License-Identifier: Apache-2.0
#include "format/tensor_entry.hpp"

namespace moxie::inline abi1::format {

std::string at_tensor(std::string_view file, std::string_view tensor) {
  constexpr std::size_t kMaxShown = 200;
  std::string text(file);
  text += ": tensor '";
  text += tensor.substr(0, kMaxShown);
  text += tensor.size() > kMaxShown ? "...'" : "'";
  return text;
}

}  // namespace moxie::format
