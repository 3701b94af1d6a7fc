// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <moxie/core/text.hpp>

#include "format/checkpoint_access.hpp"
#include "format/output_file.hpp"
#include "model/load/fingerprint.hpp"
#include "model/load/make_root.hpp"

namespace moxie::inline abi1 {

namespace {

namespace fs = std::filesystem;

fs::path cache_path(const fs::path& checkpoint) {
  std::error_code error;
  if (fs::is_directory(checkpoint, error)) return checkpoint / "moxie.root";
  return fs::path(checkpoint.native() + ".root");
}

/// What must be as it was for a root to hold, line by line.
std::string state_of(const Checkpoint& checkpoint, std::span<const format::FileIdentity> files) {
  std::string text = "moxie.root-1\nfingerprint " + std::to_string(model::fingerprint(checkpoint)) + "\n";
  for (const format::FileIdentity& file : files) {
    text += "file";
    for (const std::uint64_t number : {file.device, file.number, file.size}) text += " " + std::to_string(number);
    for (const std::int64_t number : {file.changed_s, file.changed_ns}) text += " " + std::to_string(number);
    text += "\n";
  }
  return text + "root ";
}

std::optional<Digest> parse_digest(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  Digest digest;
  if (text.size() != 2 * digest.bytes.size() + 1 || text.back() != '\n') return std::nullopt;
  for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
    const std::size_t high = kDigits.find(text[2 * i]), low = kDigits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    digest.bytes[i] = static_cast<std::byte>(high << 4 | low);
  }
  return digest;
}

/// Nothing where there is no file, or one that says something else.
std::optional<Digest> read_cache(const fs::path& path, std::string_view state) {
  const auto text = format::read_small_file(path, state.size() + 65);
  if (!text.ok() || !text->starts_with(state)) return std::nullopt;
  return parse_digest(std::string_view(*text).substr(state.size()));
}

/// A file that is changed twice within one tick of its file system's clock may look the same: ticks of up to 2 s are
/// known.
bool is_settled(std::span<const format::FileIdentity> files) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  return std::ranges::all_of(files, [&](const format::FileIdentity& file) { return file.changed_s < seconds - 2; });
}

Status write_cache(const fs::path& path, const std::string& text) {
  MOXIE_TRY_LET(format::OutputFile file, format::OutputFile::create(path, text.size()));
  MOXIE_TRY(file.write(std::as_bytes(std::span(text))));
  return file.commit();
}

}  // namespace

Result<Digest> cached_checkpoint_root(const std::filesystem::path& path, const RootOptions& options) noexcept try {
  MOXIE_TRY_LET(const Checkpoint checkpoint, Checkpoint::open(path));
  const std::vector<format::FileIdentity> files = format::CheckpointAccess::files(checkpoint);
  const std::string state = state_of(checkpoint, files);
  const fs::path cache = cache_path(path);
  if (const std::optional<Digest> known = read_cache(cache, state)) return *known;
  const bool settled = is_settled(files);  // before they are read
  MOXIE_TRY_LET(const Digest root, model::make_root(checkpoint, options, true));
  if (!settled) return root;
  if (const Status written = write_cache(cache, state + hexadecimal(root) + "\n"); !written.ok()) {
    options.callbacks.log(LogLevel::kInfo, written.message());
  }
  return root;
} catch (const std::bad_alloc&) {
  return model::no_memory_for_root();
}

}  // namespace moxie
