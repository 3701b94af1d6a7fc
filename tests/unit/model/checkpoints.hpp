// SPDX-License-Identifier: Apache-2.0
#pragma once

// Good checkpoints with one thing changed, and what a model says to tokens.

#include <algorithm>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/format/checkpoint.hpp>
#include <moxie/kernel/kernel.hpp>
#include <moxie/model/model.hpp>

#include "support/compare.hpp"
#include "support/data.hpp"
#include "support/safetensors_writer.hpp"
#include "support/temporary_folder.hpp"

namespace moxie::test {

inline std::filesystem::path data_folder(std::string_view name) { return test_data() / name; }

/// A checkpoint taken apart, to be changed and written again.
struct Parts {
  std::string config;
  std::vector<WrittenTensor> tensors;

  static Parts of(std::string_view name) {
    const Checkpoint checkpoint = Checkpoint::open(data_folder(name)).value();
    Parts parts{.config = std::string(checkpoint.config_json()), .tensors = {}};
    for (const Tensor& tensor : checkpoint.tensors()) {
      parts.tensors.push_back({.name = std::string(tensor.name),
                               .type = tensor.type,
                               .dims = {tensor.dims.begin(), tensor.dims.end()},
                               .bytes = {tensor.bytes.begin(), tensor.bytes.end()}});
    }
    return parts;
  }

  WrittenTensor& tensor(std::string_view name) {
    const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.name == name; });
    if (found == tensors.end()) throw std::runtime_error("no tensor " + std::string(name));
    return *found;
  }

  /// Gives a field of config.json, a number, a word or null, another value.
  void set(std::string_view key, std::string_view value) {
    const std::string quoted = '"' + std::string(key) + "\": ";
    const std::size_t at = config.find(quoted);
    if (at == std::string::npos) throw std::runtime_error("no field " + std::string(key));
    const std::size_t begin = at + quoted.size();
    config.replace(begin, config.find_first_of(",\n", begin) - begin, value);
  }

  /// `skew`: bytes by which the data is put off its alignment.
  void write(const std::filesystem::path& folder, std::size_t skew = 0) const {
    write_file(folder / "config.json", config);
    write_file(folder / "model.safetensors", safetensors_bytes(tensors, 64, skew));
  }
};

/// Options for tests in which the kernels do not matter: nothing to probe, the same bits everywhere.
inline ModelOptions native() {
  ModelOptions options;
  options.backend.matmul = MatmulPath::kNative;
  return options;
}

inline Result<Model> load(const Parts& parts, const ModelOptions& options = native(), std::size_t skew = 0) {
  const TemporaryFolder folder;
  parts.write(folder.path(), skew);
  return Model::load(folder.path(), options);
}

inline const std::vector<TokenId> kTokens = {3, 1, 4, 1, 5, 9, 2, 6};

/// Logits of every position, or why there are none.
inline Result<std::vector<float>> logits(const Model& model, std::span<const TokenId> tokens = kTokens) {
  MOXIE_TRY_LET(Kernel kernel,
                Kernel::create({.memory_bytes = 64 << 20, .max_step_rows = 16, .executor = ExecutorKind::kSerial}));
  MOXIE_TRY_LET(Context context, kernel.open(model));
  std::vector<float> values(tokens.size() * model.config().vocab_size);
  Request request{.context = &context,
                  .tokens = tokens,
                  .want = Logits::kAll,
                  .logits = Rows(values.data(), tokens.size(), model.config().vocab_size)};
  while (!request.finished()) MOXIE_TRY(kernel.step({&request, 1}).status());
  MOXIE_TRY(request.status);
  return values;
}

}  // namespace moxie::test
