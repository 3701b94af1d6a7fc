// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <moxie/format/checkpoint.hpp>
#include <moxie/kernel/kernel.hpp>
#include <moxie/model/model.hpp>
#include <moxie/model/pathway.hpp>

#include "support/compare.hpp"
#include "support/data.hpp"

// What tests need to run a checkpoint of tests/data and to compare it with its reference.

namespace moxie::test {

inline std::filesystem::path data_folder(const std::string& name) { return moxie::test::test_data() / name; }

/// Every checkpoint that tests/data/make_checkpoints.py makes.
inline std::vector<std::string> checkpoint_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(test_data())) {
    if (std::filesystem::exists(entry.path() / "reference.safetensors")) names.push_back(entry.path().filename());
  }
  if (names.size() < 26) throw std::runtime_error("tests/data lacks checkpoints");
  std::ranges::sort(names);
  return names;
}

/// Tokens, and the logits that transformers gives for them in double.
struct ReferenceLogits {
  std::vector<TokenId> tokens;
  std::vector<double> logits;  ///< [tokens, vocab_size]
  std::size_t vocab_size = 0;
};

template <class T>
std::vector<T> elements(const Tensor& tensor) {
  std::vector<T> values(tensor.bytes.size() / sizeof(T));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

inline ReferenceLogits load_reference(const std::string& name) {
  const Checkpoint file = Checkpoint::open(data_folder(name) / "reference.safetensors").value();
  const Tensor logits = file.find("logits").value();
  ReferenceLogits reference{.tokens = elements<TokenId>(file.find("tokens").value()),
                            .logits = elements<double>(logits),
                            .vocab_size = logits.dims[1]};
  if (logits.dims[0] != reference.tokens.size()) throw std::runtime_error("a reference of another length");
  return reference;
}

/// An executor that stays the test's.
inline std::shared_ptr<Executor> lent(Executor& executor) { return {std::shared_ptr<void>(), &executor}; }

/// Computes tokens, in steps of at most `chunk` rows, and gives the logits of all of them.
inline std::vector<float> all_logits(Kernel& kernel, Context& context, std::span<const TokenId> tokens,
                                     std::size_t vocab_size, std::size_t chunk = SIZE_MAX) {
  std::vector<float> logits(tokens.size() * vocab_size);
  Request request{.context = &context,
                  .tokens = tokens,
                  .want = Logits::kAll,
                  .logits = Rows(logits.data(), tokens.size(), vocab_size),
                  .max_rows = chunk};
  while (!request.finished()) {
    const auto report = kernel.step({&request, 1});
    if (!report.ok()) throw StatusError(report.status());
  }
  if (!request.status.ok()) throw StatusError(request.status);
  return logits;
}

}  // namespace moxie::test
