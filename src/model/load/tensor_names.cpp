// SPDX-License-Identifier: Apache-2.0
#include "model/load/tensor_names.hpp"

namespace moxie::inline abi1::model {

namespace {

constexpr std::string_view kPlain = TextPrefix().model;
constexpr TextPrefix kPrefixes[] = {{},
                                    {.model = "language_model.model.", .other = "language_model."},
                                    {.model = "model.language_model.", .other = ""}};

}  // namespace

TensorNames TensorNames::in(const Checkpoint& checkpoint) const {
  TensorNames names = *this;
  for (const TextPrefix& prefix : kPrefixes) {
    names.prefix_ = prefix;
    if (checkpoint.contains(names.tensor({Part::kEmbedding}, ".weight"))) return names;
  }
  return *this;
}

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
  if (name.starts_with(kPlain)) return name.replace(0, kPlain.size(), prefix_.model);
  return name.insert(0, prefix_.other);
}

std::string TensorNames::tensor(const Place& place, std::string_view kind) const {
  return pattern(place.part).ends_with("{}") ? name(place) : name(place).append(kind);
}

}  // namespace moxie::model
