// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <moxie/core/config.hpp>
#include <moxie/core/text.hpp>

namespace moxie::inline abi1 {

/// How a value of a GGUF file's metadata is stored; the numbers are the format's.
enum class MetadataType : std::uint8_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

MOXIE_API std::string_view name(MetadataType type) noexcept;

/// One value of a checkpoint's metadata, or the absence of one. It points into the checkpoint and copies nothing.
///
///     const MetadataValue tokens = checkpoint.metadata().find("tokenizer.ggml.tokens");
///     if (tokens.element_type() != MetadataType::kString) ...
///     for (std::size_t i = 0; i < tokens.size(); ++i) use(*tokens[i].as_string());
///
/// Asking an absent value or one of another kind is fine and gives nothing, so look-ups can be chained.
///
/// Threads  a plain value; valid as long as any copy of the Checkpoint it came from.
/// Source   docs/gguf.md of github.com/ggml-org/ggml
class MOXIE_API MetadataValue {
 public:
  MetadataValue() noexcept = default;

  /// Whether there is a value.
  explicit operator bool() const noexcept { return data_ != nullptr; }
  /// Of an absent value: nothing.
  [[nodiscard]] std::optional<MetadataType> type() const noexcept;

  /// Whole numbers of any width that fit; never a number stored as a float.
  [[nodiscard]] std::optional<std::uint64_t> as_u64() const noexcept;
  [[nodiscard]] std::optional<std::int64_t> as_i64() const noexcept;
  /// Any number; one of 64 bits is rounded to the nearest double.
  [[nodiscard]] std::optional<double> as_double() const noexcept;
  [[nodiscard]] std::optional<bool> as_bool() const noexcept;
  /// The bytes as written: usually UTF-8, but nobody has checked.
  [[nodiscard]] std::optional<std::string_view> as_string() const noexcept;

  [[nodiscard]] bool is_array() const noexcept { return *this && type_ == MetadataType::kArray; }
  /// What an array holds; of everything else: nothing. Arrays of arrays are refused when a file is opened.
  [[nodiscard]] std::optional<MetadataType> element_type() const noexcept;
  /// Elements of an array; 0 for everything else.
  [[nodiscard]] std::size_t size() const noexcept { return is_array() ? static_cast<std::size_t>(count_) : 0; }
  /// An element of an array, in constant time; absent where there is none.
  [[nodiscard]] MetadataValue operator[](std::size_t index) const noexcept;

  /// The value as it lies in the file: little-endian, a string without its length, an array without its type and
  /// count (but with the lengths of its strings).
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept;
  /// For the end of an error message: `"x"`, 3.5, `an array of 7 strings`, `nothing`.
  [[nodiscard]] Text describe() const noexcept;

 private:
  friend class MetadataBuilder;

  const std::byte* data_ = nullptr;
  std::uint64_t count_ = 0;                 // bytes of a string, elements of an array
  const std::uint32_t* offsets_ = nullptr;  // of an array of strings: from data_ to each length; one more for the end
  MetadataType type_ = MetadataType::kU8;
  MetadataType element_ = MetadataType::kU8;
};

struct MetadataEntry {
  std::string_view key;
  MetadataValue value;
};

/// The key-value pairs of a GGUF file; none for other kinds of checkpoint.
///
/// Threads  a plain value; valid as long as any copy of the Checkpoint it came from.
class MOXIE_API Metadata {
 public:
  Metadata() noexcept = default;

  /// The value of that key, or an absent one. Takes logarithmic time.
  [[nodiscard]] MetadataValue find(std::string_view key) const noexcept;
  /// In the order of the file; no key is there twice.
  [[nodiscard]] std::span<const MetadataEntry> entries() const noexcept { return entries_; }

 private:
  friend class MetadataBuilder;

  std::span<const MetadataEntry> entries_;
  std::span<const std::uint32_t> by_key_;  // into entries_, sorted by key
};

}  // namespace moxie
