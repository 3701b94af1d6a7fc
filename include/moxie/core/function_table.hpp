// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <moxie/core/status.hpp>

// Tables of functions over an object cross the border of a shared library, so its two sides may have been built with
// different headers. One rule holds for all of them:
//
//     struct Table {
//       static constexpr std::uint32_t kVersion = 1;
//       std::uint32_t size = sizeof(Table);   // both are set by whoever makes the table, from the header that he has
//       std::uint32_t version = kVersion;
//       ...                                   // pointers to functions: the required ones, then the optional ones
//     };
//
// A member is added at the end and is optional: the header says what holds where it is absent. It is absent where it is
// null or does not lie within `size`. So a table may be shorter than this header's, down to its required members, and
// it may be longer: what this header does not know is not called. Whatever else changes raises kVersion, and a table of
// another version is refused.
namespace moxie::inline abi1 {

/// Longer than any table will be: a size beyond it is garbage.
inline constexpr std::size_t kMaxTableBytes = 4096;

namespace detail {

/// Where `member` ends, in bytes from the beginning of its table.
template <class Table, class F>
std::size_t member_end(const Table* table, F* Table::*member) noexcept {
  const auto* begin = reinterpret_cast<const unsigned char*>(table);
  return static_cast<std::size_t>(reinterpret_cast<const unsigned char*>(&(table->*member)) - begin) + sizeof(F*);
}

}  // namespace detail

/// An optional function of a checked table; null where it is absent.
template <class Table, class F>
F* optional_function(const Table* table, F* Table::*member) noexcept {
  return detail::member_end(table, member) <= table->size ? table->*member : nullptr;
}

/// Whether `table` and its object can be used, `required` being all members that have no default.
///
/// Errors   kInvalidArgument: no table, no object, or a required function that is null.  kUnsupported: another
///          version, or a size that no table of this version has.
template <class Table, class... F>
Status check_table(std::string_view where, const Table* table, const void* object, F* Table::*... required) noexcept {
  if (table == nullptr || object == nullptr) {
    return Status(Code::kInvalidArgument, where, "a table and an object", table == nullptr ? "no table" : "no object");
  }
  const std::size_t least = std::max({detail::member_end(table, required)...});
  if (table->version != Table::kVersion || table->size < least || table->size > kMaxTableBytes ||
      table->size % alignof(Table) != 0) {
    return Status(Code::kUnsupported, where,
                  Text("a table of version ", Table::kVersion, " and ", least, " to ", kMaxTableBytes, " bytes"),
                  Text("version ", table->version, " and ", table->size, " bytes"));
  }
  if (((table->*required == nullptr) || ...)) {
    return Status(Code::kInvalidArgument, where, "every required function of the table", "a null function");
  }
  return {};
}

}  // namespace moxie
