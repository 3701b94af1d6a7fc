// SPDX-License-Identifier: Apache-2.0
#include <moxie/format/metadata.hpp>

#include <algorithm>
#include <bit>

#include <moxie/core/checked.hpp>

#include "format/metadata_builder.hpp"

namespace moxie::inline abi1 {
namespace {

using format::read_little_endian;
using format::width_of;

// In front of each string of an array.
constexpr std::size_t kLengthBytes = 8;

bool is_signed(MetadataType type) noexcept {
  return type == MetadataType::kI8 || type == MetadataType::kI16 || type == MetadataType::kI32 ||
         type == MetadataType::kI64;
}

bool is_unsigned(MetadataType type) noexcept {
  return type == MetadataType::kU8 || type == MetadataType::kU16 || type == MetadataType::kU32 ||
         type == MetadataType::kU64;
}

}  // namespace

std::string_view name(MetadataType type) noexcept {
  switch (type) {
    case MetadataType::kU8: return "u8";
    case MetadataType::kI8: return "i8";
    case MetadataType::kU16: return "u16";
    case MetadataType::kI16: return "i16";
    case MetadataType::kU32: return "u32";
    case MetadataType::kI32: return "i32";
    case MetadataType::kF32: return "f32";
    case MetadataType::kBool: return "bool";
    case MetadataType::kString: return "string";
    case MetadataType::kArray: return "array";
    case MetadataType::kU64: return "u64";
    case MetadataType::kI64: return "i64";
    case MetadataType::kF64: return "f64";
  }
  return "unknown";
}

std::optional<MetadataType> MetadataValue::type() const noexcept {
  if (!*this) return std::nullopt;
  return type_;
}

std::optional<std::uint64_t> MetadataValue::as_u64() const noexcept {
  if (!*this) return std::nullopt;
  if (is_unsigned(type_)) return read_little_endian(data_, width_of(type_));
  const std::optional<std::int64_t> number = as_i64();
  return number ? checked::narrow<std::uint64_t>(*number) : std::nullopt;
}

std::optional<std::int64_t> MetadataValue::as_i64() const noexcept {
  if (!*this) return std::nullopt;
  const std::size_t width = width_of(type_);
  if (is_unsigned(type_)) return checked::narrow<std::int64_t>(read_little_endian(data_, width));
  if (!is_signed(type_)) return std::nullopt;
  const std::size_t unused_bits = 64 - 8 * width;
  return static_cast<std::int64_t>(read_little_endian(data_, width) << unused_bits) >> unused_bits;
}

std::optional<double> MetadataValue::as_double() const noexcept {
  if (!*this) return std::nullopt;
  if (type_ == MetadataType::kF32) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(read_little_endian(data_, 4)));
  }
  if (type_ == MetadataType::kF64) return std::bit_cast<double>(read_little_endian(data_, 8));
  if (const auto number = as_u64()) return static_cast<double>(*number);
  if (const auto number = as_i64()) return static_cast<double>(*number);
  return std::nullopt;
}

std::optional<bool> MetadataValue::as_bool() const noexcept {
  if (!*this || type_ != MetadataType::kBool) return std::nullopt;
  return *data_ != std::byte{0};
}

std::optional<std::string_view> MetadataValue::as_string() const noexcept {
  if (!*this || type_ != MetadataType::kString) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(data_), static_cast<std::size_t>(count_));
}

std::optional<MetadataType> MetadataValue::element_type() const noexcept {
  if (!is_array()) return std::nullopt;
  return element_;
}

MetadataValue MetadataValue::operator[](std::size_t index) const noexcept {
  if (index >= size()) return {};
  if (element_ != MetadataType::kString) return MetadataBuilder::scalar(element_, data_ + index * width_of(element_));
  const std::size_t begin = offsets_[index] + kLengthBytes;
  return MetadataBuilder::string(data_ + begin, offsets_[index + 1] - begin);
}

std::span<const std::byte> MetadataValue::bytes() const noexcept {
  if (!*this) return {};
  switch (type_) {
    case MetadataType::kString: return {data_, static_cast<std::size_t>(count_)};
    case MetadataType::kArray:
      return {data_, element_ == MetadataType::kString ? offsets_[count_] : size() * width_of(element_)};
    default: return {data_, width_of(type_)};
  }
}

Text MetadataValue::describe() const noexcept {
  if (!*this) return Text("nothing");
  if (is_array()) return Text("an array of ", count_, ' ', name(element_));
  if (const auto text = as_string()) return Text('"', text->substr(0, 100), '"');
  if (const auto flag = as_bool()) return Text(*flag);
  if (const auto number = as_u64()) return Text(*number);
  if (const auto number = as_i64()) return Text(*number);
  return Text(as_double().value_or(0));
}

MetadataValue Metadata::find(std::string_view key) const noexcept {
  const auto found = std::lower_bound(by_key_.begin(), by_key_.end(), key, [this](std::uint32_t entry, auto wanted) {
    return entries_[entry].key < wanted;
  });
  if (found == by_key_.end() || entries_[*found].key != key) return {};
  return entries_[*found].value;
}

}  // namespace moxie
