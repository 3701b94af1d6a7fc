// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include <moxie/constraint/schema.hpp>

#include "constraint/schema/schema_set.hpp"
#include "constraint/schema/validator.hpp"

namespace moxie::inline abi1::constraint {

/// What a Schema holds. Patterns are compiled when they are first needed, behind the lock.
class CompiledSchema {
 public:
  explicit CompiledSchema(SchemaSet&& schemas) : set(std::move(schemas)) {}
  static const std::shared_ptr<const CompiledSchema>& of(const Schema& schema) noexcept { return schema.schema_; }

  SchemaSet set;
  mutable std::mutex mutex;
  mutable PatternCache patterns;
};

/// "a string or null"
std::string type_names(std::uint8_t types);

}  // namespace moxie::constraint
