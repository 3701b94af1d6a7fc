// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include <moxie/model/route_trace.hpp>

#include "commands.hpp"

// What `moxie route` and `moxie experts` share: texts with a domain, and their routes.

namespace moxie::program {

struct LabelledText {
  std::string domain;
  std::string text;
};

/// {"DOMAIN": ["TEXT", ...], ...}
Result<std::vector<LabelledText>> read_domains(const std::string& path);
Status write_file(const std::string& path, const std::string& text);

/// Computes all rows of `tokens` on the pathway, and hands over each block of rows: the tokens from `begin` on, and
/// their logits.
Status compute_all(Kernel& kernel, const Pathway& pathway, std::span<const TokenId> tokens,
                   const std::function<void(std::size_t begin, ConstRows logits)>& take);

/// The routes of every token, also in the last layer.
Result<RouteTrace> routes_of(Kernel& kernel, const Pathway& pathway, std::span<const TokenId> tokens);

}  // namespace moxie::program
