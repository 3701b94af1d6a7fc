// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "text/template/engine.hpp"

namespace moxie::inline abi1::text {

using FilterFunction = Value (*)(Engine&, const Value& input, const Arguments&);

struct FilterEntry {
  std::string_view name;
  FilterFunction run;  ///< null: Jinja has it, this interpreter has not
};

// Each file of filters has a table; find_filter() looks through both.
std::span<const FilterEntry> text_filters() noexcept;
std::span<const FilterEntry> sequence_filters() noexcept;
const FilterEntry* find_filter(std::string_view name) noexcept;
bool is_test(std::string_view name) noexcept;

/// item.attribute as filters take it: "a.b.0" goes down, a number is an index.
Value attribute_path(Engine& engine, Value item, const Value& path, const Value* otherwise = nullptr);

}  // namespace moxie::text
