// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <moxie/core/result.hpp>

namespace moxie::inline abi1::format {

/// Which state of which file: two opens that give the same have seen the same bytes, unless somebody took
/// pains to hide the change.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t number = 0;
  std::uint64_t size = 0;
  std::int64_t changed_s = 0;
  std::int64_t changed_ns = 0;

  bool operator==(const FileIdentity&) const = default;
};

/// A file's bytes in the address space of the process, read-only; its destructor unmaps them.
class Mapping {
 public:
  Mapping() noexcept = default;
  Mapping(Mapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Mapping();

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
  /// Lets the system drop the whole pages inside `part`. Nothing unless `part` lies inside this mapping:
  /// elsewhere, the same request would wipe memory.
  void release_pages(std::span<const std::byte> part) const noexcept;
  /// Advice that the file will be read where it lies, from all over: in huge pages, which must begin before anything in
  /// them is read, for a small page that is there stays.
  void prefer_huge_pages() const noexcept;
  /// Lets the system bring in all pages of `part` now, so that no later read waits for one. Advice, as above.
  void fetch_pages(std::span<const std::byte> part) const noexcept;

 private:
  friend class File;
  explicit Mapping(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}
  struct Range {
    std::size_t first = 0;
    std::size_t last = 0;
  };
  /// Where in the mapping `part` lies, if it does.
  [[nodiscard]] std::optional<Range> range_of(std::span<const std::byte> part) const noexcept;
  void advise(std::size_t first, std::size_t last, int advice) const noexcept;

  std::span<const std::byte> bytes_;
};

/// A regular file, open for reading. Opening never waits and never opens anything else: a directory, a
/// pipe, a socket or a device is refused.
///
/// Errors   kNotFound: no such file.  kIo: not a regular file, or the system refused.  kNoMemory.
///          All name the file by its path. open() lets std::bad_alloc through.
class File {
 public:
  static Result<File> open(const std::filesystem::path& path);

  File(File&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), identity_(other.identity_), name_(std::move(other.name_)) {}
  File& operator=(File&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(identity_, other.identity_);
    name_.swap(other.name_);
    return *this;
  }
  ~File();

  /// The path, for errors.
  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  /// In bytes, when it was opened.
  [[nodiscard]] std::uint64_t size() const noexcept { return identity_.size; }
  [[nodiscard]] const FileIdentity& identity() const noexcept { return identity_; }

  /// Fills `into` with the bytes from `offset` on; kIo where the file ends before.
  Status read(std::uint64_t offset, std::span<std::byte> into) const noexcept;
  /// kIo where the file has become shorter since it was opened.
  [[nodiscard]] Result<Mapping> map() const noexcept;

 private:
  explicit File(std::string name) noexcept : name_(std::move(name)) {}

  int descriptor_ = -1;
  FileIdentity identity_;
  std::string name_;
};

/// The whole of a small file. kFormat: more than max_bytes. Lets std::bad_alloc through.
Result<std::string> read_small_file(const std::filesystem::path& path, std::uint64_t max_bytes);

}  // namespace moxie::format
