// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <string>

#include <nlohmann/json.hpp>

#include <moxie/text/tokenizer.hpp>

#include "commands.hpp"
#include "files.hpp"
#include "output.hpp"

namespace moxie::program {

namespace {

Status print_text(const Tokenizer& tokenizer, const Tokenize& options) {
  MOXIE_TRY_LET(const std::string text, tokenizer.decode(*options.decode, {.skip_special = options.no_special}));
  if (options.json) {
    print_json({{"text", text}});
  } else {
    print(text);
  }
  return {};
}

Status print_times(const Tokenizer& tokenizer, const std::string& text, const Tokenize& options) {
  for (std::size_t i = 0; i < options.repeat; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    MOXIE_TRY_LET(const std::vector<TokenId> ids, tokenizer.encode(text, {.add_special = !options.no_special}));
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    std::printf("%.6f s, %zu tokens\n", seconds.count(), ids.size());
  }
  return {};
}

}  // namespace

Status run_tokenize(const Tokenize& options) {
  MOXIE_TRY_LET(const Tokenizer tokenizer, Tokenizer::load(options.model));
  if (options.decode) return print_text(tokenizer, options);

  std::string text;
  if (options.text) text = *options.text;
  if (options.file) {
    MOXIE_TRY_LET(text, read_file(*options.file));
  }
  if (options.repeat > 0) return print_times(tokenizer, text, options);

  MOXIE_TRY_LET(const std::vector<TokenId> ids, tokenizer.encode(text, {.add_special = !options.no_special}));
  if (options.json) {
    print_json({{"tokens", ids}});
    return {};
  }
  for (const TokenId id : ids) {
    print(std::to_string(id) + "\t" + std::string(tokenizer.token(id)) + "\n");
  }
  return {};
}

}  // namespace moxie::program
