// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/status.hpp>
#include <moxie/core/text.hpp>
#include <moxie/format/metadata.hpp>

namespace moxie::inline abi1::model {

/// Reads the keys of a GGUF file's architecture and keeps the first error, so that the caller reads like a list.
class GgufKeys {
 public:
  static constexpr std::string_view kWhere = "GGUF metadata";

  GgufKeys(const Metadata& metadata, std::string_view architecture) noexcept
      : metadata_(metadata), architecture_(architecture) {}

  [[nodiscard]] const Metadata& metadata() const noexcept { return metadata_; }
  [[nodiscard]] const Status& status() const noexcept { return status_; }
  [[nodiscard]] std::string full(std::string_view key) const {
    return std::string(architecture_) + '.' + std::string(key);
  }
  /// Of `key` behind the architecture's name.
  [[nodiscard]] MetadataValue find(std::string_view key) const { return metadata_.find(full(key)); }

  std::size_t size(std::string_view key, std::uint64_t least, std::uint64_t most) {
    const MetadataValue value = find(key);
    const std::optional<std::uint64_t> number = value.as_u64();
    if (number && *number >= least && *number <= most) return static_cast<std::size_t>(*number);
    fail(Code::kFormat, Text(full(key), " as a whole number in [", least, ", ", most, "]"), value.describe());
    return least;
  }
  std::size_t size_or(std::string_view key, std::size_t otherwise, std::uint64_t least, std::uint64_t most) {
    return find(key) ? size(key, least, most) : otherwise;
  }
  /// A number for all of `count` layers, or a list with one for each.
  std::vector<std::size_t> sizes(std::string_view key, std::size_t count, std::uint64_t least, std::uint64_t most) {
    const MetadataValue value = find(key);
    if (!value.is_array()) return std::vector(count, size(key, least, most));
    std::vector<std::size_t> list;
    for (std::size_t i = 0; i < value.size(); ++i) {
      const std::optional<std::uint64_t> number = value[i].as_u64();
      if (number && *number >= least && *number <= most) list.push_back(static_cast<std::size_t>(*number));
    }
    // A list may go on for layers that predict further tokens.
    if (list.size() != value.size() || list.size() < count) {
      fail(Code::kFormat, Text(full(key), " as ", count, " whole numbers in [", least, ", ", most, "]"),
           value.describe());
    }
    list.resize(count, least);
    return list;
  }
  double number(std::string_view key, double least, double most) {
    const MetadataValue value = find(key);
    const std::optional<double> number = value.as_double();
    if (number && *number >= least && *number <= most) return *number;
    fail(Code::kFormat, Text(full(key), " as a number in [", least, ", ", most, "]"), value.describe());
    return least;
  }
  double number_or(std::string_view key, double otherwise, double least, double most) {
    return find(key) ? number(key, least, most) : otherwise;
  }
  /// Where the key is there, its number must be that one: all else is something that the family does not run.
  void require(std::string_view key, double wanted) {
    const MetadataValue value = find(key);
    if (!value || value.as_double() == wanted) return;
    fail(Code::kUnsupported, Text(full(key), ' ', wanted, ", or none"), value.describe());
  }
  void fail(Code code, std::string_view needed, std::string_view came) {
    if (status_.ok()) status_ = Status(code, kWhere, needed, came);
  }

 private:
  const Metadata& metadata_;
  std::string_view architecture_;
  Status status_;
};

}  // namespace moxie::model
