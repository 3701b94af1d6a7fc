// SPDX-License-Identifier: Apache-2.0
#include "format/hugging_face.hpp"

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include <moxie/core/text.hpp>

#include "format/safetensors.hpp"
#include "format/shard_index.hpp"

namespace moxie::inline abi1::format {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxConfigBytes = 1U << 20;
constexpr const char* kConfig = "config.json";
constexpr const char* kAdapter = "adapter_model.safetensors";  // PEFT's names
constexpr const char* kAdapterConfig = "adapter_config.json";
constexpr const char* kWeights = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

// Headers are read, never looked at through the mapping: parsing must survive a file that shrinks.
Result<Shard> open_shard(const fs::path& path, bool map) {
  MOXIE_TRY_LET(const File file, File::open(path));
  Shard shard;
  shard.path = path;
  shard.identity = file.identity();
  if (file.size() < kSafetensorsPrefix) {
    return Status(Code::kFormat, file.name(), "a safetensors file of at least 8 bytes", Text(file.size()));
  }
  std::array<std::byte, kSafetensorsPrefix> prefix{};
  MOXIE_TRY(file.read(0, prefix));
  MOXIE_TRY_LET(shard.data_begin, safetensors_data_begin(prefix, file.size(), file.name()));
  shard.data_bytes = file.size() - shard.data_begin;
  std::string header(static_cast<std::size_t>(shard.data_begin - kSafetensorsPrefix), '\0');
  MOXIE_TRY(file.read(kSafetensorsPrefix, std::as_writable_bytes(std::span<char>(header))));
  MOXIE_TRY_LET(SafetensorsTable table, parse_safetensors_header(header, shard.data_bytes, file.name()));
  shard.entries = std::move(table.entries);
  shard.names = std::move(table.names);
  if (map) {
    MOXIE_TRY_LET(shard.mapping, file.map());
  }
  return shard;
}

Result<std::vector<Shard>> open_all(std::span<const fs::path> paths, const LoadOptions& options) {
  return open_shards(paths, 0, options, [&](const fs::path& path) { return open_shard(path, !options.read); });
}

// Says which tensors the shards lack, have in excess, or have twice.
Status check_index(const ShardIndex& index, const std::vector<Shard>& shards, const fs::path& index_path) {
  std::vector<bool> found(index.entries.size());
  for (std::size_t i = 0; i < shards.size(); ++i) {
    for (const TensorEntry& tensor : shards[i].entries) {
      const ShardIndex::Entry* entry = index.find(tensor.name);
      if (entry == nullptr) {
        return Status(Code::kFormat, at_tensor(shards[i].path.native(), tensor.name),
                      Text("only tensors that ", kIndex, " names"), "one that it does not name");
      }
      if (entry->shard != i) {
        return Status(Code::kFormat, at_tensor(shards[i].path.native(), tensor.name),
                      Text("it in ", index.shards[entry->shard].substr(0, 100), " alone, as ", kIndex, " says"),
                      "it here too");
      }
      found[static_cast<std::size_t>(entry - index.entries.data())] = true;
    }
  }
  const auto missing = std::find(found.begin(), found.end(), false);
  if (missing == found.end()) return {};
  const ShardIndex::Entry& entry = index.entries[static_cast<std::size_t>(missing - found.begin())];
  return Status(Code::kFormat, at_tensor(index_path.native(), entry.tensor),
                Text("it in ", index.shards[entry.shard].substr(0, 100)), "a shard without it");
}

Result<std::vector<Shard>> open_folder(const fs::path& folder, const LoadOptions& options) {
  std::error_code ignored;
  const fs::path index_path = folder / kIndex;
  const bool has_single = fs::symlink_status(folder / kWeights, ignored).type() != fs::file_type::not_found;
  if (fs::symlink_status(index_path, ignored).type() == fs::file_type::not_found) {
    if (!has_single) return Status(Code::kNotFound, folder.native(), Text(kWeights, " or ", kIndex), "neither");
    return open_all(std::array{folder / kWeights}, options);
  }
  MOXIE_TRY_LET(const std::string text, read_small_file(index_path, kMaxIndexBytes));
  MOXIE_TRY_LET(const ShardIndex index, parse_shard_index(text, index_path.native()));
  // Some writers make an index even for one file. One that leaves the file out means two models in one
  // folder, and choosing one of them would be a guess.
  if (has_single && std::find(index.shards.begin(), index.shards.end(), kWeights) == index.shards.end()) {
    return Status(Code::kFormat, folder.native(), Text(kWeights, " or ", kIndex),
                  "both, and the index does not name the file");
  }
  std::vector<fs::path> paths;
  paths.reserve(index.shards.size());
  for (const std::string& shard : index.shards) paths.push_back(folder / shard);
  MOXIE_TRY_LET(std::vector<Shard> shards, open_all(paths, options));
  MOXIE_TRY(check_index(index, shards, index_path));
  return shards;
}

}  // namespace

Result<HuggingFaceFiles> open_hugging_face(const fs::path& path, bool is_folder, const LoadOptions& options) {
  HuggingFaceFiles files;
  const char* const config = path.filename() == kAdapter ? kAdapterConfig : kConfig;
  MOXIE_TRY_LET(files.config, read_small_file((is_folder ? path : path.parent_path()) / config, kMaxConfigBytes));
  MOXIE_TRY_LET(files.shards, is_folder ? open_folder(path, options) : open_all(std::array{path}, options));
  return files;
}

}  // namespace moxie::format
