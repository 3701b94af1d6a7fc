// SPDX-License-Identifier: Apache-2.0
#include <moxie/format/checkpoint.hpp>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <moxie/core/checked.hpp>
#include <moxie/core/text.hpp>

#include "format/checkpoint_access.hpp"
#include "format/gguf_files.hpp"
#include "format/hugging_face.hpp"
#include "format/locate.hpp"
#include "format/metadata_builder.hpp"

namespace moxie::inline abi1 {

namespace fs = std::filesystem;
using namespace format;

struct [[gnu::visibility("hidden")]] Checkpoint::State {
  CheckpointKind kind = CheckpointKind::kSafetensors;
  std::vector<Shard> shards;
  std::vector<Tensor> tensors;
  std::string name;
  std::string config;
  std::vector<MetadataEntry> metadata;
  std::vector<std::uint32_t> metadata_by_key;
  std::vector<std::unique_ptr<std::uint32_t[]>> metadata_offsets;
  std::uint64_t bytes = 0;
  Charge memory;

  Status open(const fs::path& path, const LoadOptions& options);
  Status fill_tensors();
  [[nodiscard]] const Tensor* find(std::string_view tensor) const noexcept;
};

Status Checkpoint::State::open(const fs::path& path, const LoadOptions& options) {
  MOXIE_TRY_LET(const Located located, locate_checkpoint(path));
  name = located.path.native();
  if (located.gguf) {
    kind = CheckpointKind::kGguf;
    MOXIE_TRY_LET(GgufFiles files, open_gguf(located.path, options));
    shards = std::move(files.shards);
    metadata = std::move(files.metadata);
    metadata_by_key = std::move(files.by_key);
    metadata_offsets = std::move(files.offsets);
  } else {
    MOXIE_TRY_LET(HuggingFaceFiles files, open_hugging_face(located.path, located.folder, options));
    shards = std::move(files.shards);
    config = std::move(files.config);
  }
  if (options.read) {
    MOXIE_TRY_LET(memory, read_shards(shards, options));
  }
  return fill_tensors();
}

Status Checkpoint::State::fill_tensors() {
  std::size_t count = 0;
  for (const Shard& shard : shards) count += shard.entries.size();
  tensors.reserve(count);
  for (const Shard& shard : shards) {
    const std::span<const std::byte> data = shard.data();
    if (std::ranges::any_of(shard.entries, &TensorEntry::tiled)) shard.mapping.prefer_huge_pages();
    for (const TensorEntry& entry : shard.entries) {
      tensors.push_back({.name = entry.name,
                         .type = entry.type,
                         .dims = entry.shape(),
                         .bytes = data.subspan(static_cast<std::size_t>(entry.begin),
                                               static_cast<std::size_t>(entry.end - entry.begin)),
                         .tiled = entry.tiled});
      const auto sum = checked::add(bytes, entry.end - entry.begin);
      if (!sum) return Status(Code::kFormat, name, "tensors whose bytes fit in 64 bits", "larger ones");
      bytes = *sum;
    }
  }
  // No name is there twice: each reader has seen to that.
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

CheckpointKind Checkpoint::kind() const noexcept { return state_->kind; }

std::span<const Tensor> Checkpoint::tensors() const noexcept { return state_->tensors; }

std::string_view Checkpoint::config_json() const noexcept { return state_->config; }

Metadata Checkpoint::metadata() const noexcept {
  return MetadataBuilder::table(state_->metadata, state_->metadata_by_key);
}

std::uint64_t Checkpoint::bytes() const noexcept { return state_->bytes; }

void Checkpoint::release_pages(const Tensor& tensor) const noexcept {
  for (const Shard& shard : state_->shards) shard.mapping.release_pages(tensor.bytes);
}

void Checkpoint::fetch_pages(const Tensor& tensor) const noexcept {
  for (const Shard& shard : state_->shards) shard.mapping.fetch_pages(tensor.bytes);
}

std::vector<FileIdentity> CheckpointAccess::files(const Checkpoint& checkpoint) {
  std::vector<FileIdentity> files;
  for (const Shard& shard : checkpoint.state_->shards) files.push_back(shard.identity);
  return files;
}

}  // namespace moxie
