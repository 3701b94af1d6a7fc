// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <moxie/core/result.hpp>

namespace moxie::inline abi1::format {

/// A file that comes into being whole or not at all: written under another name in the same folder, and named
/// at the end. Its destructor removes what was not committed. A link stays, and what it leads to is written.
///
/// Errors   kIo: the system's reason, or something that is no regular file has the name (a folder, a device, a pipe, a
///          socket): nothing could replace it, and whole or not at all it cannot be written. kNotFound: no such folder.
///          All name the path. create() and commit() let std::bad_alloc through.
class OutputFile {
 public:
  /// `bytes`: what is going to be written. Where the system can tell at once that it has no room, it is asked.
  static Result<OutputFile> create(const std::filesystem::path& path, std::uint64_t bytes);

  OutputFile(OutputFile&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)),
        path_(std::move(other.path_)),
        temporary_(std::exchange(other.temporary_, {})),
        held_(std::move(other.held_)) {}
  OutputFile& operator=(OutputFile&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    path_.swap(other.path_);
    temporary_.swap(other.temporary_);
    held_.swap(other.held_);
    return *this;
  }
  ~OutputFile();

  Status write(std::span<const std::byte> bytes) noexcept;
  /// Brings everything to the disk, then gives the file its name; one that had it is replaced.
  Status commit();

 private:
  OutputFile() noexcept = default;
  Status write_through(std::span<const std::byte> bytes) noexcept;

  int descriptor_ = -1;
  std::string path_;             // where the name's links lead
  std::string temporary_;        // empty where there is none any more
  std::vector<std::byte> held_;  // not written yet: less than a piece, and room for one
};

}  // namespace moxie::format
