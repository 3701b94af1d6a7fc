// SPDX-License-Identifier: Apache-2.0
#include "format/locate.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <moxie/core/text.hpp>

#include "format/file.hpp"

namespace moxie::inline abi1::format {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNeeded = "a folder, a .safetensors or a GGUF file";

bool ends_in(const fs::path& path, std::string_view extension) {
  const std::string own = path.extension().native();
  return std::ranges::equal(own, extension, [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

bool begins_as_gguf(const fs::path& path) {
  const Result<File> file = File::open(path);
  std::array<char, 4> magic{};
  return file.ok() && file->size() >= magic.size() && file->read(0, std::as_writable_bytes(std::span(magic))).ok() &&
         std::string_view(magic.data(), magic.size()) == "GGUF";
}

/// "-00002-of-00003": which file of a split it is, and of which one; nothing where the name is no such.
struct Part {
  std::string split;  ///< the name without the part's number
  bool first = false;
};
Part part_of(const fs::path& file) {
  constexpr std::size_t kDigits = 5;
  constexpr std::size_t kTail = 2 * kDigits + 5;  // -NNNNN-of-NNNNN
  const std::string stem = file.stem().native();
  if (stem.size() <= kTail) return {};
  const std::string_view tail = std::string_view(stem).substr(stem.size() - kTail);
  const auto digits = [](std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  };
  if (tail[0] != '-' || tail.substr(1 + kDigits, 4) != "-of-") return {};
  if (!digits(tail.substr(1, kDigits)) || !digits(tail.substr(kTail - kDigits))) return {};
  const std::string ending(tail.substr(1 + kDigits));
  return {.split = stem.substr(0, stem.size() - kTail) + ending, .first = tail.substr(1, kDigits) == "00001"};
}

Result<Located> locate_in(const fs::path& folder) {
  const Located as_hugging_face{.path = folder, .gguf = false, .folder = true};
  std::error_code error;
  for (const char* weights : {"model.safetensors", "model.safetensors.index.json"}) {
    if (fs::symlink_status(folder / weights, error).type() != fs::file_type::not_found) return as_hugging_face;
  }
  std::vector<fs::path> models;  // of a split its first file, or what comes first of it
  std::vector<std::string> splits;
  fs::directory_iterator entries(folder, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    if (!ends_in(entries->path(), ".gguf") || !entries->is_regular_file(error)) continue;
    const Part part = part_of(entries->path());
    const auto known = std::ranges::find(splits, part.split);
    if (part.split.empty() || known == splits.end()) {
      models.push_back(entries->path());
      splits.push_back(part.split);
    } else if (part.first) {
      models[static_cast<std::size_t>(known - splits.begin())] = entries->path();
    }
  }
  if (error) return Status(Code::kIo, folder.native(), kNeeded, error.message());
  if (models.empty()) return as_hugging_face;
  if (models.size() == 1) return Located{.path = models.front(), .gguf = true, .folder = false};
  std::ranges::sort(models);
  std::string names;
  for (const fs::path& model : models) names += (names.empty() ? "" : ", ") + model.filename().native();
  return Status(Code::kUnsupported, folder.native(), "a folder with one model, or the name of one of its files", names);
}

}  // namespace

Result<Located> locate_checkpoint(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found)
    return Status(Code::kNotFound, path.native(), kNeeded, "nothing of that name");
  if (error) return Status(Code::kIo, path.native(), kNeeded, error.message());
  if (status.type() == fs::file_type::directory) return locate_in(path);
  if (ends_in(path, ".gguf") || begins_as_gguf(path)) return Located{.path = path, .gguf = true, .folder = false};
  if (ends_in(path, ".safetensors")) return Located{.path = path, .gguf = false, .folder = false};
  return Status(Code::kUnsupported, path.native(), kNeeded, "another file");
}

}  // namespace moxie::format
