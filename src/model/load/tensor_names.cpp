// SPDX-License-Identifier: Apache-2.0
#include "model/load/tensor_names.hpp"

namespace moxie::inline abi1::model {

std::string TensorNames::name(const Place& place) const {
  std::string name(pattern(place.part));
  const auto fill_in = [&](std::string_view letter, std::size_t number) {
    if (const std::size_t at = name.find(letter); at != std::string::npos) {
      name.replace(at, letter.size(), std::to_string(number));
    }
  };
  fill_in("{l}", place.layer);
  fill_in("{e}", place.expert);
  if (name.ends_with("{}")) name.resize(name.size() - 2);
  return name;
}

std::string TensorNames::tensor(const Place& place, std::string_view kind) const {
  return pattern(place.part).ends_with("{}") ? name(place) : name(place).append(kind);
}

}  // namespace moxie::model
