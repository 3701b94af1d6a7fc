// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <moxie/kernel/kernel.hpp>
#include <moxie/model/model.hpp>

// The commands of the program moxie. Each returns a Status, and main() prints it.

namespace moxie::program {

/// What every command that runs something can be told.
struct Common {
  std::string model;
  std::optional<Isa> isa;
  MatmulPath matmul = MatmulPath::kAuto;
  bool read = false;
  std::size_t threads = 0;
  std::optional<ExecutorKind> executor;

  [[nodiscard]] ModelOptions model_options() const;
};

struct Info {
  Common common;
  bool json = false;
};
Status run_info(const Info& options);

struct LogitsOfTokens {
  Common common;
  std::vector<TokenId> tokens;
  bool all = false;
  std::size_t chunk = 0;  ///< 0: whole
  bool json = false;
};
Status run_logits(const LogitsOfTokens& options);

struct Tokenize {
  std::string model;
  std::optional<std::string> text;
  std::optional<std::string> file;
  std::optional<std::vector<TokenId>> decode;
  bool no_special = false;
  bool json = false;
  std::size_t repeat = 0;  ///< encode so many times and print how long each took
};
Status run_tokenize(const Tokenize& options);

}  // namespace moxie::program
