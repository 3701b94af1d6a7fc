// SPDX-License-Identifier: Apache-2.0
#include "format/file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <new>
#include <optional>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <moxie/core/checked.hpp>
#include <moxie/core/text.hpp>

#include "core/mapped_memory.hpp"
#include "format/file_errors.hpp"

namespace moxie::inline abi1::format {
namespace {

Status require_regular(std::string_view where, mode_t mode) noexcept {
  return S_ISREG(mode) ? Status() : Status(Code::kIo, where, "a regular file", kind_of(mode));
}

FileIdentity identify(const struct stat& stat) noexcept {
  return {
    .device = static_cast<std::uint64_t>(stat.st_dev), .number = static_cast<std::uint64_t>(stat.st_ino),
    .size = static_cast<std::uint64_t>(stat.st_size),
#if defined(__APPLE__)
    .changed_s = stat.st_mtimespec.tv_sec, .changed_ns = stat.st_mtimespec.tv_nsec
  };
#else
    .changed_s = stat.st_mtim.tv_sec, .changed_ns = stat.st_mtim.tv_nsec
  };
#endif
}

}  // namespace

Mapping::~Mapping() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void Mapping::release_pages(std::span<const std::byte> part) const noexcept {
  const std::optional<Range> range = range_of(part);
  const std::size_t page = system_page();
  if (!range) return;
  // A mapping begins at a page, so offsets into it round like addresses.
  const std::size_t first = (range->first + page - 1) / page * page;
  const std::size_t last = range->last / page * page;
  if (first < last) advise(first, last, MADV_DONTNEED);
}

void Mapping::prefer_huge_pages() const noexcept {
#if defined(MADV_HUGEPAGE)
  advise(0, bytes_.size(), MADV_HUGEPAGE);
#endif
}

void Mapping::fetch_pages(std::span<const std::byte> part) const noexcept {
#if defined(MADV_POPULATE_READ)
  const std::optional<Range> range = range_of(part);
  if (!range) return;
  advise(range->first / system_page() * system_page(), range->last, MADV_POPULATE_READ);
#else
  static_cast<void>(part);
#endif
}

std::optional<Mapping::Range> Mapping::range_of(std::span<const std::byte> part) const noexcept {
  const auto base = reinterpret_cast<std::uintptr_t>(bytes_.data());
  const auto begin = reinterpret_cast<std::uintptr_t>(part.data());
  if (begin < base || !checked::inside(begin - base, part.size(), bytes_.size())) return std::nullopt;
  return Range{.first = begin - base, .last = begin - base + part.size()};
}

void Mapping::advise(std::size_t first, std::size_t last, int advice) const noexcept {
  // Where the system does not take it, nothing is lost.
  static_cast<void>(::madvise(const_cast<std::byte*>(bytes_.data()) + first, last - first, advice));
}

Result<File> File::open(const std::filesystem::path& path) {
  File file(path.native());
  struct stat stat {};
  // Looked at before it is opened, because opening a device can do something (rewind a tape); and again
  // afterwards, because what the name stands for may have changed in between.
  if (::stat(file.name_.c_str(), &stat) != 0) return refused(file.name_, "a file", errno);
  MOXIE_TRY(require_regular(file.name_, stat.st_mode));
  do {
    // O_NONBLOCK: a pipe put in the file's place must not make this wait for a writer.
    file.descriptor_ = ::open(file.name_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  } while (file.descriptor_ < 0 && errno == EINTR);
  if (file.descriptor_ < 0) return refused(file.name_, "a readable file", errno);
  if (::fstat(file.descriptor_, &stat) != 0) return refused(file.name_, "a readable file", errno);
  MOXIE_TRY(require_regular(file.name_, stat.st_mode));
  file.identity_ = identify(stat);
  return file;
}

File::~File() {
  // After EINTR the descriptor is closed on Linux: asking again could close somebody else's.
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status File::read(std::uint64_t offset, std::span<std::byte> into) const noexcept {
  // Below the most that one call takes (2 GiB on Linux), and a multiple of any page.
  constexpr std::size_t kMax = 1U << 30;
  std::size_t done = 0;
  while (done < into.size()) {
    const auto at = checked::add(offset, static_cast<std::uint64_t>(done));
    const auto position = at ? checked::narrow<off_t>(*at) : std::nullopt;
    if (!position) return refused(name_, Text(into.size(), " bytes at offset ", offset), EOVERFLOW);
    const ssize_t got = ::pread(descriptor_, into.data() + done, std::min(into.size() - done, kMax), *position);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused(name_, Text(into.size(), " bytes at offset ", offset), errno);
    if (got == 0) {
      return Status(Code::kIo, name_, Text(into.size(), " bytes at offset ", offset, " of ", size()),
                    Text("the end of the file after ", done));
    }
    done += static_cast<std::size_t>(got);
  }
  return {};
}

Result<Mapping> File::map() const noexcept {
  const auto size = checked::narrow<std::ptrdiff_t>(identity_.size);
  if (!size || *size == 0) return refused(name_, Text("to map ", identity_.size, " bytes"), EINVAL);
  void* memory = ::mmap(nullptr, static_cast<std::size_t>(*size), PROT_READ, MAP_PRIVATE, descriptor_, 0);
  if (memory == MAP_FAILED) return refused(name_, Text("to map ", identity_.size, " bytes"), errno);
  Mapping mapping({static_cast<const std::byte*>(memory), static_cast<std::size_t>(*size)});
  struct stat stat {};
  if (::fstat(descriptor_, &stat) != 0) return refused(name_, "a readable file", errno);
  const FileIdentity now = identify(stat);
  if (now.size < identity_.size) {
    return Status(Code::kIo, name_, Text(identity_.size, " bytes, as when it was opened"), Text(now.size));
  }
#if defined(MADV_NOHUGEPAGE)
  // Until it is known that its weights are used where they lie (prefer_huge_pages): of a matrix that is packed, or of a
  // few rows of an embedding, huge pages would keep more in the process than was read.
  mapping.advise(0, mapping.bytes().size(), MADV_NOHUGEPAGE);
#endif
  return mapping;
}

Result<std::string> read_small_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  MOXIE_TRY_LET(const File file, File::open(path));
  if (file.size() > max_bytes) {
    return Status(Code::kFormat, file.name(), Text("at most ", max_bytes, " bytes"), Text(file.size()));
  }
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  MOXIE_TRY(file.read(0, std::as_writable_bytes(std::span<char>(text))));
  return text;
}

}  // namespace moxie::format
