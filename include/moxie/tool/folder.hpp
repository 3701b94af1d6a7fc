// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>

namespace moxie::inline abi1::tools {

struct FolderLimits {
  std::size_t max_entries = 500;            ///< of one listing
  std::size_t max_piece_bytes = 8U * 1024;  ///< of a file, for one read; as JSON up to six times as long
};

enum class EntryKind : std::uint8_t { kFile, kFolder, kOther };

struct FolderEntry {
  std::string name{};
  EntryKind kind = EntryKind::kOther;
  std::uint64_t bytes = 0;  ///< of a file
};

struct FolderListing {
  std::vector<FolderEntry> entries{};  ///< by name, byte by byte
  bool complete = true;                ///< false: there is more than a listing may hold
  std::uint64_t names_left_out = 0;    ///< names that are no UTF-8: nobody could ask for them
};

struct FilePiece {
  std::string text{};                          ///< UTF-8
  std::uint64_t file_bytes = 0;                ///< of the whole file
  std::optional<std::uint64_t> next_offset{};  ///< where the next piece begins; none: this was the last
  std::uint64_t replaced_bytes = 0;            ///< of the file, that were no UTF-8 and are U+FFFD in the text
};

/// A folder that may be read, and nothing beside it.
///
/// A path is names joined by '/', from the folder on. Each name is opened below the one before it and never
/// followed where it is a symbolic link, so nothing leads out, whatever is renamed meanwhile. Only files and folders
/// are opened: no device, pipe or socket. What the host itself put there, it gave: hard links, mounted file systems.
///
/// Units    offsets and sizes are in bytes.
/// Errors   kInvalidArgument: a path that is absolute, has an empty name, "." or "..", a zero byte, more than 64 names
/// or
///          4096 bytes; an offset behind the end; not a file, not a folder, a symbolic link.  kNotFound.
///          kIo: the system could not read.  kUnsupported: a system without openat.  kNoMemory.
/// Threads  any, at once.
class MOXIE_API Folder {
 public:
  static Result<Folder> open(const std::filesystem::path& path, const FolderLimits& limits = {}) noexcept;

  Folder(Folder&& other) noexcept : limits_(other.limits_), descriptor_(std::exchange(other.descriptor_, -1)) {}
  Folder& operator=(Folder&& other) noexcept {
    std::swap(limits_, other.limits_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Folder();

  /// What lies in the folder at `path`; an empty path is the folder itself.
  [[nodiscard]] Result<FolderListing> list(std::string_view path) const noexcept;
  /// At most max_piece_bytes from `offset` on, cut between two characters.
  [[nodiscard]] Result<FilePiece> read(std::string_view path, std::uint64_t offset) const noexcept;

 private:
  Folder(const FolderLimits& limits, int descriptor) noexcept : limits_(limits), descriptor_(descriptor) {}

  FolderLimits limits_;
  int descriptor_;
};

}  // namespace moxie::tools
