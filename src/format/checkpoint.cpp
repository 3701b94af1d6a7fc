// SPDX-License-Identifier: Apache-2.0
#include <moxie/format/checkpoint.hpp>

#include <algorithm>
#include <array>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <moxie/core/checked.hpp>
#include <moxie/core/text.hpp>

#include "format/file.hpp"
#include "format/safetensors.hpp"
#include "format/shard_index.hpp"

namespace moxie {
namespace {

namespace fs = std::filesystem;
using namespace format;

constexpr std::uint64_t kMaxConfigBytes = 1U << 20;
// Between two calls of on_progress: often enough to cancel within a moment on a slow disk.
constexpr std::size_t kProgressBytes = 16U << 20;
constexpr const char* kConfig = "config.json";
constexpr const char* kWeights = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

// One file of the checkpoint, with its bytes in one of two forms.
struct Shard {
  fs::path path;
  FileIdentity identity;
  std::uint64_t data_begin = 0;
  SafetensorsTable table;
  Mapping mapping;  // the whole file
  FileBytes read;   // its data alone

  [[nodiscard]] std::uint64_t data_bytes() const noexcept { return identity.size - data_begin; }
  [[nodiscard]] std::span<const std::byte> data() const noexcept {
    if (!mapping.bytes().empty()) return mapping.bytes().subspan(static_cast<std::size_t>(data_begin));
    return read.bytes();
  }
};

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
  std::string header(static_cast<std::size_t>(shard.data_begin - kSafetensorsPrefix), '\0');
  MOXIE_TRY(file.read(kSafetensorsPrefix, std::as_writable_bytes(std::span<char>(header))));
  MOXIE_TRY_LET(shard.table, parse_safetensors_header(header, shard.data_bytes(), file.name()));
  if (map) {
    MOXIE_TRY_LET(shard.mapping, file.map());
  }
  return shard;
}

Status read_shard(Shard& shard, const HostCallbacks& callbacks, Progress& progress) {
  MOXIE_TRY_LET(const File file, File::open(shard.path));
  if (file.identity() != shard.identity) {
    return Status(Code::kIo, file.name(), "the file as it was when its header was read", "a changed one");
  }
  MOXIE_TRY_LET(shard.read, FileBytes::allocate(shard.data_bytes(), file.name()));
  std::span<std::byte> left = shard.read.bytes();
  std::uint64_t offset = shard.data_begin;
  while (!left.empty()) {
    MOXIE_TRY(callbacks.progress(progress));
    const std::size_t step = std::min(left.size(), kProgressBytes);
    MOXIE_TRY(file.read(offset, left.first(step)));
    left = left.subspan(step);
    offset += step;
    progress.done += step;
  }
  return {};
}

// Says which tensors the shards lack, have in excess, or have twice.
Status check_index(const ShardIndex& index, const std::vector<Shard>& shards, const fs::path& index_path) {
  std::vector<bool> found(index.entries.size());
  for (std::size_t i = 0; i < shards.size(); ++i) {
    for (const SafetensorsEntry& tensor : shards[i].table.entries) {
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

}  // namespace

struct [[gnu::visibility("hidden")]] Checkpoint::State {
  std::vector<Shard> shards;
  std::vector<Tensor> tensors;
  std::string name;
  std::string config;
  std::uint64_t bytes = 0;
  Charge memory;

  Status open(const fs::path& path, const LoadOptions& options);
  Status open_folder(const fs::path& folder, const LoadOptions& options);
  Status open_shards(std::vector<fs::path> paths, const LoadOptions& options);
  Status read_data(const LoadOptions& options);
  Status fill_tensors();
  [[nodiscard]] const Tensor* find(std::string_view tensor) const noexcept;
};

Status Checkpoint::State::open(const fs::path& path, const LoadOptions& options) {
  name = path.native();
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    return Status(Code::kNotFound, name, "a folder or a .safetensors file", "nothing there");
  }
  if (error) return Status(Code::kIo, name, "a folder or a .safetensors file", error.message());
  const bool folder = status.type() == fs::file_type::directory;
  if (!folder && path.extension() != ".safetensors") {
    return Status(Code::kUnsupported, name, "a folder or a .safetensors file", "another file");
  }
  MOXIE_TRY_LET(config, read_small_file((folder ? path : path.parent_path()) / kConfig, kMaxConfigBytes));
  MOXIE_TRY(folder ? open_folder(path, options) : open_shards({path}, options));
  if (options.read) MOXIE_TRY(read_data(options));
  return fill_tensors();
}

Status Checkpoint::State::open_folder(const fs::path& folder, const LoadOptions& options) {
  std::error_code ignored;
  const fs::path index_path = folder / kIndex;
  const bool has_single = fs::symlink_status(folder / kWeights, ignored).type() != fs::file_type::not_found;
  if (fs::symlink_status(index_path, ignored).type() == fs::file_type::not_found) {
    if (!has_single) return Status(Code::kNotFound, name, Text(kWeights, " or ", kIndex), "neither");
    return open_shards({folder / kWeights}, options);
  }
  MOXIE_TRY_LET(const std::string text, read_small_file(index_path, kMaxIndexBytes));
  MOXIE_TRY_LET(const ShardIndex index, parse_shard_index(text, index_path.native()));
  // Some writers make an index even for one file. One that leaves the file out means two models in one
  // folder, and choosing one of them would be a guess.
  if (has_single && std::find(index.shards.begin(), index.shards.end(), kWeights) == index.shards.end()) {
    return Status(Code::kFormat, name, Text(kWeights, " or ", kIndex), "both, and the index does not name the file");
  }
  std::vector<fs::path> paths;
  paths.reserve(index.shards.size());
  for (const std::string& shard : index.shards) paths.push_back(folder / shard);
  MOXIE_TRY(open_shards(std::move(paths), options));
  return check_index(index, shards, index_path);
}

Status Checkpoint::State::open_shards(std::vector<fs::path> paths, const LoadOptions& options) {
  shards.reserve(paths.size());
  for (const fs::path& path : paths) {
    MOXIE_TRY(options.callbacks.progress({.what = "open files", .done = shards.size(), .total = paths.size()}));
    MOXIE_TRY_LET(Shard shard, open_shard(path, !options.read));
    const auto sum = checked::add(bytes, shard.data_bytes());
    if (!sum) return Status(Code::kFormat, name, "shards whose bytes can be counted in 64 bits", "more");
    bytes = *sum;
    shards.push_back(std::move(shard));
  }
  return {};
}

Status Checkpoint::State::read_data(const LoadOptions& options) {
  if (options.memory != nullptr) {
    MOXIE_TRY_LET(memory, options.memory->charge(bytes));
  }
  Progress progress{.what = "read weights", .done = 0, .total = bytes};
  for (Shard& shard : shards) MOXIE_TRY(read_shard(shard, options.callbacks, progress));
  return options.callbacks.progress(progress);
}

Status Checkpoint::State::fill_tensors() {
  std::size_t count = 0;
  for (const Shard& shard : shards) count += shard.table.entries.size();
  tensors.reserve(count);
  for (const Shard& shard : shards) {
    const std::span<const std::byte> data = shard.data();
    for (const SafetensorsEntry& entry : shard.table.entries) {
      tensors.push_back({.name = entry.name,
                         .type = entry.type,
                         .dims = std::span(entry.dims).first(entry.rank),
                         .bytes = data.subspan(static_cast<std::size_t>(entry.begin),
                                               static_cast<std::size_t>(entry.end - entry.begin))});
    }
  }
  // No name is there twice: within a file its header was checked, between files the index was.
  std::sort(tensors.begin(), tensors.end(), [](const Tensor& a, const Tensor& b) { return a.name < b.name; });
  return {};
}

const Tensor* Checkpoint::State::find(std::string_view tensor) const noexcept {
  const auto found = std::lower_bound(tensors.begin(), tensors.end(), tensor,
                                      [](const Tensor& a, std::string_view b) { return a.name < b; });
  return found != tensors.end() && found->name == tensor ? &*found : nullptr;
}

Checkpoint::Checkpoint(std::shared_ptr<const State> state) noexcept : state_(std::move(state)) {}
Checkpoint::Checkpoint(const Checkpoint& other) noexcept = default;
Checkpoint& Checkpoint::operator=(const Checkpoint& other) noexcept = default;
Checkpoint::~Checkpoint() = default;

Result<Checkpoint> Checkpoint::open(const std::filesystem::path& path, const LoadOptions& options) noexcept {
  try {
    auto state = std::make_shared<State>();
    MOXIE_TRY(state->open(path, options));
    return Checkpoint(std::move(state));
  } catch (const std::bad_alloc&) {
    return Status(Code::kNoMemory, "Checkpoint::open", "memory for names and shapes", "none");
  } catch (const std::exception& error) {
    return Status(Code::kInternal, "Checkpoint::open", "no exception", error.what());
  }
}

Result<Tensor> Checkpoint::find(std::string_view tensor) const noexcept {
  if (const Tensor* found = state_->find(tensor)) return *found;
  return Status(Code::kNotFound, state_->name, Text("tensor '", tensor, "'"),
                Text(state_->tensors.size(), " tensors, none of that name"));
}

bool Checkpoint::contains(std::string_view tensor) const noexcept { return state_->find(tensor) != nullptr; }

std::span<const Tensor> Checkpoint::tensors() const noexcept { return state_->tensors; }

std::string_view Checkpoint::config_json() const noexcept { return state_->config; }

std::uint64_t Checkpoint::bytes() const noexcept { return state_->bytes; }

void Checkpoint::release_pages(const Tensor& tensor) const noexcept {
  for (const Shard& shard : state_->shards) shard.mapping.release_pages(tensor.bytes);
}

}  // namespace moxie
