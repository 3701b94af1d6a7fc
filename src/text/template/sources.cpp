// SPDX-License-Identifier: Apache-2.0
#include "text/template/sources.hpp"

#include <algorithm>
#include <system_error>

#include <moxie/text/chat_template.hpp>

#include "format/file.hpp"

namespace moxie::inline abi1::text {

namespace {

// Tokenizer settings hold every added token, thousands of them in some checkpoints.
constexpr format::JsonLimits kConfigLimits{
    .max_bytes = 16U << 20U, .max_depth = 32, .max_values = 1U << 20U, .max_token_bytes = 1U << 20U};

// One template, or a list of them with names.
std::vector<TemplateSource> named_sources(format::JsonValue config, std::string_view where) {
  const format::JsonValue chat = config.find("chat_template");
  if (const auto text = chat.as_string()) return {{"default", std::string(*text), std::string(where)}};
  std::vector<TemplateSource> sources;
  for (const auto& member : chat) {
    const auto name = member.value.find("name").as_string();
    const auto text = member.value.find("template").as_string();
    if (chat.is_array() && name && text)
      sources.push_back({std::string(*name), std::string(*text), std::string(where)});
  }
  return sources;
}

/// chat_template.jinja, and what lies beside it.
Result<std::vector<TemplateSource>> read_files(const std::filesystem::path& folder) {
  const TemplateLimits limits;
  std::vector<TemplateSource> sources;
  std::error_code error;
  const std::filesystem::path main = folder / "chat_template.jinja";
  if (std::filesystem::exists(main, error)) {
    MOXIE_TRY_LET(std::string text, format::read_small_file(main, limits.max_template_bytes));
    sources.push_back({"default", std::move(text), "chat_template.jinja"});
  }
  std::vector<std::filesystem::path> others;
  for (std::filesystem::directory_iterator entry(folder / "additional_chat_templates", error), end;
       !error && entry != end && others.size() < kMaxTemplates; entry.increment(error)) {
    if (entry->path().extension() == ".jinja") others.push_back(entry->path());
  }
  std::ranges::sort(others);
  for (const std::filesystem::path& path : others) {
    MOXIE_TRY_LET(std::string text, format::read_small_file(path, limits.max_template_bytes));
    sources.push_back({path.stem().string(), std::move(text), path.filename().string()});
  }
  return sources;
}

}  // namespace

Result<std::optional<format::JsonDocument>> read_tokenizer_config(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "tokenizer_config.json";
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::optional<format::JsonDocument>();
  MOXIE_TRY_LET(const std::string text, format::read_small_file(path, kConfigLimits.max_bytes));
  MOXIE_TRY_LET(format::JsonDocument document,
                format::JsonDocument::parse(text, kConfigLimits, "tokenizer_config.json"));
  return std::optional<format::JsonDocument>(std::move(document));
}

Result<std::vector<TemplateSource>> read_template_sources(const std::filesystem::path& folder,
                                                          const std::optional<format::JsonDocument>& config) {
  MOXIE_TRY_LET(std::vector<TemplateSource> sources, read_files(folder));
  if (sources.empty() && config) sources = named_sources(config->root(), "tokenizer_config.json");
  return sources;
}

}  // namespace moxie::text
