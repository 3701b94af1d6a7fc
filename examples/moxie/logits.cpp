// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "commands.hpp"

namespace moxie::program {

namespace {

/// 9 significant digits: enough to give a float back exactly.
void print_json(ConstRows logits) {
  std::printf("{\"logits\":[");
  for (std::size_t row = 0; row < logits.rows; ++row) {
    std::printf("%s[", row == 0 ? "" : ",");
    for (std::size_t v = 0; v < logits.width; ++v) {
      const auto value = static_cast<double>(logits[row][v]);
      if (std::isfinite(value)) {
        std::printf("%s%.9g", v == 0 ? "" : ",", value);
      } else {
        std::printf("%snull", v == 0 ? "" : ",");  // JSON has no other word for it
      }
    }
    std::printf("]");
  }
  std::printf("]}\n");
}

/// The best five of each row.
void print_best(ConstRows logits, std::size_t first_position) {
  for (std::size_t row = 0; row < logits.rows; ++row) {
    std::vector<std::size_t> order(logits.width);
    for (std::size_t v = 0; v < order.size(); ++v) order[v] = v;
    const std::size_t count = std::min<std::size_t>(5, order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                      [&](std::size_t a, std::size_t b) { return logits[row][a] > logits[row][b]; });
    std::printf("position %zu:", first_position + row);
    for (std::size_t i = 0; i < count; ++i) {
      std::printf("  %zu (%.6g)", order[i], static_cast<double>(logits[row][order[i]]));
    }
    std::printf("\n");
  }
}

}  // namespace

Status run_logits(const LogitsOfTokens& options) {
  MOXIE_TRY_LET(const Model model, Model::load(options.common.model, options.common.model_options()));
  for (const TokenId id : options.tokens) {
    if (static_cast<std::size_t>(id) < model.config().vocab_size) continue;
    return Status(Code::kInvalidArgument, "--tokens", Text("ids below ", model.config().vocab_size), Text(id));
  }
  MOXIE_TRY_LET(Kernel kernel, Kernel::create({.threads = options.common.threads,
                                               .executor = options.common.executor,
                                               .kv_type = options.common.kv_type}));
  MOXIE_TRY_LET(Context context, kernel.open(model));

  const std::size_t rows = options.all ? options.tokens.size() : 1;
  std::vector<float> memory(rows * model.config().vocab_size);
  const Rows logits(memory.data(), rows, model.config().vocab_size);
  Request request{.context = &context,
                  .tokens = options.tokens,
                  .want = options.all ? Logits::kAll : Logits::kLast,
                  .logits = logits,
                  .cancel = nullptr,
                  .max_rows = options.chunk == 0 ? SIZE_MAX : options.chunk};
  while (!request.finished()) MOXIE_TRY(kernel.step({&request, 1}).status());
  MOXIE_TRY(request.status);

  if (options.json) {
    print_json(logits);
  } else {
    print_best(logits, options.tokens.size() - rows);
  }
  return {};
}

}  // namespace moxie::program
