// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "format/json.hpp"

namespace moxie::inline abi1::text {

inline constexpr std::size_t kMaxTemplates = 32;  // of one checkpoint; published ones have up to three

/// A template of a checkpoint, not parsed yet.
struct TemplateSource {
  std::string name;
  std::string text;
  std::string where;
};

/// Nothing where there is none.
Result<std::optional<format::JsonDocument>> read_tokenizer_config(const std::filesystem::path& folder);

/// All templates of a folder. chat_template.jinja, and what lies beside it in additional_chat_templates, goes before
/// tokenizer_config.json, which has one or a list of them with names. Lets std::bad_alloc through.
Result<std::vector<TemplateSource>> read_template_sources(const std::filesystem::path& folder,
                                                          const std::optional<format::JsonDocument>& config);

}  // namespace moxie::text
