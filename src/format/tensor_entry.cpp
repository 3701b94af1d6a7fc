// SPDX-License-Identifier: Apache-2.0
#include "format/tensor_entry.hpp"

namespace moxie::format {

std::string at_tensor(std::string_view file, std::string_view tensor) {
  constexpr std::size_t kMostShown = 200;
  std::string text(file);
  text += ": tensor '";
  text += tensor.substr(0, kMostShown);
  text += tensor.size() > kMostShown ? "...'" : "'";
  return text;
}

}  // namespace moxie::format
