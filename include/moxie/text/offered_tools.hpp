// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/format/json_value.hpp>

namespace moxie::inline abi1 {

/// The tools that a model was offered: what it may call, and of which type each argument is.
///
/// Threads  immutable; copies share it.
class MOXIE_API OfferedTools {
 public:
  /// None.
  OfferedTools() noexcept = default;
  /// A JSON array in OpenAI's `tools` form.
  ///
  /// Errors   kFormat: not that form, or beyond the limits of parse_value().  kNoMemory.
  static Result<OfferedTools> parse(std::string_view json, std::string_view where) noexcept;

  [[nodiscard]] bool empty() const noexcept { return schemas_ == nullptr; }
  [[nodiscard]] bool offers(std::string_view name) const noexcept;
  /// The JSON schema of one argument; absent where the tool or its schema has none of that name. Valid while this
  /// lives.
  [[nodiscard]] format::JsonValue argument(std::string_view tool, std::string_view name) const noexcept;

 private:
  struct Schemas;
  explicit OfferedTools(std::shared_ptr<const Schemas> schemas) noexcept : schemas_(std::move(schemas)) {}
  std::shared_ptr<const Schemas> schemas_;
};

}  // namespace moxie
