// SPDX-License-Identifier: Apache-2.0
#include <moxie/tool/folder.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <moxie/core/checked.hpp>
#include <moxie/core/guard.hpp>
#include <moxie/core/utf8.hpp>

#include "tool/utf8.hpp"

namespace moxie::inline abi1::tools {
namespace {

constexpr std::string_view kWhere = "files";
constexpr std::size_t kMaxPathBytes = 4096;
constexpr std::size_t kMaxNames = 64;
constexpr std::string_view kReplacement = "\xef\xbf\xbd";

class Descriptor {
 public:
  explicit Descriptor(int number) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }

  [[nodiscard]] int get() const noexcept { return number_; }
  [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }

 private:
  int number_;
};

std::string quoted(std::string_view path) { return "'" + printable_utf8(path.substr(0, 200)) + "'"; }

// The host's own path stays out of these: they are read by the model.
Status system_error(std::string_view path, std::string_view needed, int error) {
  if (error == ENOENT || error == ENOTDIR) return Status(Code::kNotFound, kWhere, needed, quoted(path));
  if (error == ELOOP) {
    return Status(Code::kInvalidArgument, kWhere, Text(needed, ", no symbolic link"), quoted(path));
  }
  return Status(Code::kIo, kWhere, needed,
                quoted(path) + " (" + std::error_code(error, std::generic_category()).message() + ")");
}

Result<std::vector<std::string>> split(std::string_view path) {
  const auto wrong = [&](std::string_view needed) {
    return Status(Code::kInvalidArgument, kWhere, needed, quoted(path));
  };
  if (path.size() > kMaxPathBytes) {
    return Status(Code::kInvalidArgument, kWhere, Text("a path of at most ", kMaxPathBytes, " bytes"),
                  Text(path.size()));
  }
  if (path.find('\0') != std::string_view::npos) return wrong("a path without a zero byte");
  if (path.starts_with('/')) return wrong("a path from the folder on, no absolute one");
  std::vector<std::string> names;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    if (name.empty() || name == "." || name == "..") {
      return wrong("a path of names joined by '/', none of them empty, '.' or '..'");
    }
    names.emplace_back(name);
    if (names.size() > kMaxNames) return wrong(Text("a path of at most ", kMaxNames, " names"));
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  return names;
}

// Below `parent`, one name and no way through a link. O_NONBLOCK: a pipe that was put there does not hold us up.
Result<Descriptor> open_name(int parent, const std::string& name, bool folder, std::string_view path) {
  const std::string_view needed = folder ? "a folder that is there" : "a file that is there";
  // Asked before it is opened, for opening some devices has effects; and again after it, for it may have been changed.
  struct stat status {};
  if (::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return system_error(path, needed, errno);
  const auto fits = [&] { return folder ? S_ISDIR(status.st_mode) : S_ISREG(status.st_mode); };
  const auto wrong = [&] {
    return Status(Code::kInvalidArgument, kWhere, folder ? "a folder" : "a file, not a folder, link, pipe or device",
                  quoted(path));
  };
  if (S_ISLNK(status.st_mode)) return system_error(path, needed, ELOOP);
  if (!fits()) return wrong();
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  Descriptor opened(::openat(parent, name.c_str(), folder ? kFlags | O_DIRECTORY : kFlags));
  if (opened.get() < 0) return system_error(path, needed, errno);
  if (::fstat(opened.get(), &status) != 0) return system_error(path, needed, errno);
  if (!fits()) return wrong();
  return opened;
}

// The last name is a folder or a file, those before it are folders. Without a name: the folder itself, anew.
Result<Descriptor> walk(int root, std::string_view path, bool folder) {
  MOXIE_TRY_LET(const std::vector<std::string> names, split(path));
  if (names.empty() && !folder) return Status(Code::kInvalidArgument, kWhere, "the path of a file", "nothing");
  Descriptor here(::openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (here.get() < 0) return system_error(path, "a folder that can be read", errno);
  for (std::size_t i = 0; i < names.size(); ++i) {
    MOXIE_TRY_LET(here, open_name(here.get(), names[i], folder || i + 1 < names.size(), path));
  }
  return here;
}

// Cuts a character off that a piece holds the beginning of, and replaces bytes that are no UTF-8.
void to_text(std::string_view bytes, bool at_end, FilePiece& piece, std::size_t& used) {
  used = 0;
  while (used < bytes.size()) {
    const std::size_t good = utf8::valid_size(bytes.substr(used));
    piece.text.append(bytes.substr(used, good));
    used += good;
    if (used == bytes.size()) return;
    // Up to three bytes at the end may be half a character, unless they are all there is.
    const std::string_view rest = bytes.substr(used);
    if (!at_end && used != 0 && utf8::incomplete_tail(rest) == rest.size()) return;
    piece.text.append(kReplacement);
    ++piece.replaced_bytes;
    ++used;
  }
}

}  // namespace

Result<Folder> Folder::open(const std::filesystem::path& path, const FolderLimits& limits) noexcept {
  std::optional<Folder> folder;
  MOXIE_TRY(guarded("Folder::open", [&]() -> Status {
    if (limits.max_piece_bytes < 4) {
      return Status(Code::kInvalidArgument, "Folder::open", "max_piece_bytes of at least one character, 4",
                    Text(limits.max_piece_bytes));
    }
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
      const int error = errno;
      return Status(error == ENOENT ? Code::kNotFound : Code::kIo, "Folder::open", "a folder that can be read",
                    path.native() + " (" + std::error_code(error, std::generic_category()).message() + ")");
    }
    folder = Folder(limits, descriptor);
    return {};
  }));
  return *std::move(folder);
}

Folder::~Folder() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<FolderListing> Folder::list(std::string_view path) const noexcept {
  FolderListing listing;
  MOXIE_TRY(guarded(kWhere, [&]() -> Status {
    MOXIE_TRY_LET(Descriptor here, walk(descriptor_, path, true));
    const auto close_stream = [](DIR* stream) { ::closedir(stream); };
    std::unique_ptr<DIR, decltype(close_stream)> stream(::fdopendir(here.get()), close_stream);
    if (stream == nullptr) return system_error(path, "a folder that can be read", errno);
    const int descriptor = here.release();  // the stream's now
    for (;;) {
      errno = 0;
      const dirent* found = ::readdir(stream.get());  // NOLINT(concurrency-mt-unsafe): a stream of our own
      if (found == nullptr) {
        if (errno != 0) return system_error(path, "a folder that can be read", errno);
        break;
      }
      const std::string_view name = found->d_name;
      if (name == "." || name == "..") continue;
      if (utf8::valid_size(name) != name.size()) {
        ++listing.names_left_out;
        continue;
      }
      if (listing.entries.size() == limits_.max_entries) {
        listing.complete = false;
        break;
      }
      struct stat status {};
      // One that has gone meanwhile is not there.
      if (::fstatat(descriptor, found->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      FolderEntry entry{.name = std::string(name)};
      if (S_ISDIR(status.st_mode)) entry.kind = EntryKind::kFolder;
      if (S_ISREG(status.st_mode)) {
        entry.kind = EntryKind::kFile;
        entry.bytes = static_cast<std::uint64_t>(status.st_size);
      }
      listing.entries.push_back(std::move(entry));
    }
    std::sort(listing.entries.begin(), listing.entries.end(),
              [](const FolderEntry& a, const FolderEntry& b) { return a.name < b.name; });
    return {};
  }));
  return listing;
}

Result<FilePiece> Folder::read(std::string_view path, std::uint64_t offset) const noexcept {
  FilePiece piece;
  MOXIE_TRY(guarded(kWhere, [&]() -> Status {
    MOXIE_TRY_LET(const Descriptor file, walk(descriptor_, path, false));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return system_error(path, "a file that can be read", errno);
    piece.file_bytes = static_cast<std::uint64_t>(status.st_size);
    const auto begin = checked::narrow<off_t>(offset);
    if (!begin || offset > piece.file_bytes) {
      return Status(Code::kInvalidArgument, kWhere, Text("an offset of at most ", piece.file_bytes), Text(offset));
    }
    const std::uint64_t left = piece.file_bytes - offset;
    std::string bytes(static_cast<std::size_t>(std::min<std::uint64_t>(left, limits_.max_piece_bytes)), '\0');
    std::size_t got = 0;
    while (got < bytes.size()) {
      const ssize_t n = ::pread(file.get(), bytes.data() + got, bytes.size() - got, *begin + static_cast<off_t>(got));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_error(path, "a file that can be read", errno);
      if (n == 0) break;  // it became shorter meanwhile
      got += static_cast<std::size_t>(n);
    }
    const bool at_end = got < bytes.size() || got == left;
    bytes.resize(got);
    std::size_t used = 0;
    to_text(bytes, at_end, piece, used);
    if (!at_end) piece.next_offset = offset + used;
    return {};
  }));
  return piece;
}

}  // namespace moxie::tools
