// SPDX-License-Identifier: Apache-2.0
#include "format/output_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <new>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <moxie/core/checked.hpp>
#include <moxie/core/text.hpp>

#include "format/file_errors.hpp"

namespace moxie::inline abi1::format {
namespace {

/// Where the links lead that `path` may be: nothing needs to be there.
Result<std::filesystem::path> target_of(const std::filesystem::path& path) {
  constexpr int kMaxLinks = 40;  // as many as Linux follows
  std::filesystem::path target = path;
  for (int links = 0; links <= kMaxLinks; ++links) {
    std::error_code error;
    if (!std::filesystem::is_symlink(std::filesystem::symlink_status(target, error))) return target;
    const std::filesystem::path next = std::filesystem::read_symlink(target, error);
    if (error) return refused(path.native(), "a link that can be read", error.value());
    target = target.parent_path() / next;  // just `next`, where that is absolute
  }
  return refused(path.native(), "a link that leads somewhere", ELOOP);
}

/// Whatever else has the name must keep it: it would be gone, and all that write to it would write to a file.
Status check_replaceable(const std::string& path, int (*look)(const char*, struct stat*)) noexcept {
  struct stat stat {};
  if (look(path.c_str(), &stat) != 0) {
    return errno == ENOENT ? Status() : refused(path, "a folder to write it in", errno);
  }
  if (S_ISREG(stat.st_mode)) return {};
  return Status(Code::kIo, path, "the name of a regular file, or a new one", kind_of(stat.st_mode));
}

/// Of a huge page. A file that is written in such pieces, which begin at their multiples, lies in the system's cache in
/// huge pages, and who maps it next gets those.
constexpr std::size_t kPiece = std::size_t{2} << 20;

}  // namespace

Result<OutputFile> OutputFile::create(const std::filesystem::path& path, std::uint64_t bytes) {
  // Names that somebody else's attempt may have taken; a few are enough, since each has the process in it.
  constexpr int kTries = 100;
  OutputFile file;
  MOXIE_TRY(check_replaceable(path.native(), ::stat));
  MOXIE_TRY_LET(const std::filesystem::path target, target_of(path));
  file.path_ = target.native();
  file.held_.reserve(static_cast<std::size_t>(std::min(bytes, std::uint64_t{kPiece})));
  int error = EEXIST;
  for (int i = 0; i < kTries && error == EEXIST; ++i) {
    std::string name = file.path_ + "." + std::to_string(::getpid()) + "-" + std::to_string(i) + ".part";
    do {
      file.descriptor_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);
      error = file.descriptor_ < 0 ? errno : 0;
    } while (error == EINTR);
    if (error == 0) file.temporary_ = std::move(name);
  }
  if (error != 0) return refused(file.path_, "a folder to write it in", error);
#if defined(__linux__)
  // Hours of work must not end for want of room that could have been known to be missing. Any other refusal only
  // means that the file system cannot say.
  const auto size = checked::narrow<off_t>(bytes);
  if (!size) return refused(file.path_, Text(bytes, " bytes"), EFBIG);
  if (*size > 0 && ::fallocate(file.descriptor_, 0, 0, *size) != 0 && (errno == ENOSPC || errno == EFBIG)) {
    return refused(file.path_, Text("room for ", bytes, " bytes"), errno);
  }
#endif
  return file;
}

OutputFile::~OutputFile() {
  // After EINTR the descriptor is closed on Linux: asking again could close somebody else's.
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Status OutputFile::write(std::span<const std::byte> bytes) noexcept try {
  if (!held_.empty()) {
    const std::size_t fits = std::min(bytes.size(), kPiece - held_.size());
    held_.insert(held_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(fits));
    bytes = bytes.subspan(fits);
    if (held_.size() < kPiece) return {};
    MOXIE_TRY(write_through(held_));
    held_.clear();
  }
  const std::size_t whole = bytes.size() / kPiece * kPiece;
  MOXIE_TRY(write_through(bytes.first(whole)));
  held_.assign(bytes.begin() + static_cast<std::ptrdiff_t>(whole), bytes.end());
  return {};
} catch (const std::bad_alloc&) {
  return Status(Code::kNoMemory, path_, Text(kPiece, " bytes of memory"), "none");
}

Status OutputFile::write_through(std::span<const std::byte> bytes) noexcept {
  constexpr std::size_t kMax = 1U << 30;  // below the most that one call takes
  while (!bytes.empty()) {
    const ssize_t done = ::write(descriptor_, bytes.data(), std::min(bytes.size(), kMax));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return refused(path_, Text("to write ", bytes.size(), " bytes"), errno);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return {};
}

Status OutputFile::commit() {
  MOXIE_TRY(write_through(held_));
  held_.clear();
  if (::fsync(descriptor_) != 0) return refused(path_, "its bytes on the disk", errno);
  // What close() reports is a write that failed after all.
  if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) return refused(path_, "to close it", errno);
  MOXIE_TRY(check_replaceable(path_, ::lstat));  // hours may have passed
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return refused(path_, "to give it its name", errno);
  temporary_.clear();
  return {};
}

}  // namespace moxie::format
