// SPDX-License-Identifier: Apache-2.0
#include "format/gguf_files.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <moxie/core/checked.hpp>
#include <moxie/core/text.hpp>

#include "format/gguf.hpp"
#include "format/shard_index.hpp"

namespace moxie::inline abi1::format {
namespace {

namespace fs = std::filesystem;

// Holds the header of most models without a vocabulary; each further try reads at least twice as much.
constexpr std::uint64_t kFirstBytes = 1U << 20;
constexpr std::string_view kSplitNo = "split.no";
constexpr std::string_view kSplitCount = "split.count";
constexpr std::string_view kSplitTensors = "split.tensors.count";

struct OpenFile {
  Shard shard;
  GgufHeader header;
};

// The header's length stands nowhere, so it is parsed from ever more bytes until they are enough. They are read, never
// looked at through the mapping: parsing must survive a file that shrinks.
Result<OpenFile> open_file(const fs::path& path, bool map) {
  MOXIE_TRY_LET(const File file, File::open(path));
  OpenFile open;
  open.shard.path = path;
  open.shard.identity = file.identity();
  const std::uint64_t most = std::min(file.size(), kMaxGgufHeader);
  for (std::uint64_t bytes = std::min(kFirstBytes, most);;) {
    open.shard.header = LargeMemory();  // gone before there are more
    MOXIE_TRY_LET(open.shard.header, LargeMemory::create(bytes, file.name()));
    MOXIE_TRY(file.read(0, open.shard.header.bytes()));
    const GgufParse parse = parse_gguf(open.shard.header.bytes(), file.size(), file.name(), open.header);
    if (parse.status.ok()) break;
    if (parse.wanted_bytes <= bytes) return parse.status;
    if (parse.wanted_bytes > most) {
      return Status(Code::kFormat, parse.status.where(), Text("a header of at most ", most, " bytes"), "a longer one");
    }
    bytes = std::clamp(checked::multiply(bytes, std::uint64_t{2}).value_or(most), parse.wanted_bytes, most);
  }
  open.shard.data_begin = open.header.data_begin;
  open.shard.data_bytes = open.header.data_bytes;
  open.shard.entries = std::move(open.header.tensors);
  if (map) {
    MOXIE_TRY_LET(open.shard.mapping, file.map());
  }
  return open;
}

std::string five_digits(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  return std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
}

// `extension`: as the first file spells it.
std::string split_ending(std::uint64_t index, std::uint64_t count, std::string_view extension) {
  return "-" + five_digits(index + 1) + "-of-" + five_digits(count).append(extension);
}

// A whole number of the metadata, or `otherwise` where the key is not there.
Result<std::uint64_t> number_or(const OpenFile& open, std::string_view key, std::uint64_t otherwise,
                                std::uint64_t most) {
  const MetadataValue value = open.header.find(key);
  if (!value) return otherwise;
  const auto number = value.as_u64();
  if (number && *number <= most) return *number;
  return Status(Code::kFormat, open.shard.path.native(), Text(key, " as a whole number of at most ", most),
                value.describe());
}

Status check_split(const OpenFile& open, std::uint64_t index, std::uint64_t count) {
  MOXIE_TRY_LET(const std::uint64_t said, number_or(open, kSplitCount, 0, kMaxShards));
  MOXIE_TRY_LET(const std::uint64_t no, number_or(open, kSplitNo, 0, kMaxShards));
  if (said == count && no == index) return {};
  return Status(Code::kFormat, open.shard.path.native(), Text(kSplitNo, ' ', index, " and ", kSplitCount, ' ', count),
                Text(no, " and ", said));
}

// All names over all files, each once.
Status check_names(const std::vector<Shard>& shards, std::uint64_t expected) {
  std::vector<std::string_view> names;
  for (const Shard& shard : shards) {
    for (const TensorEntry& entry : shard.entries) names.push_back(entry.name);
  }
  if (names.size() != expected) {
    return Status(Code::kFormat, shards.front().path.native(), Text(expected, " tensors, as ", kSplitTensors, " says"),
                  Text(names.size()));
  }
  std::sort(names.begin(), names.end());
  const auto twin = std::adjacent_find(names.begin(), names.end());
  if (twin == names.end()) return {};
  return Status(Code::kFormat, at_tensor(shards.front().path.native(), *twin), "it in one file", "it in two");
}

Result<std::vector<Shard>> open_rest(const OpenFile& first, std::uint64_t count, const LoadOptions& options) {
  const std::string name = first.shard.path.filename().native();
  constexpr std::string_view kUsual = ".gguf";
  std::string extension = first.shard.path.extension().native();  // .GGUF is one too
  if (extension.size() != kUsual.size()) extension = kUsual;
  const std::string ending = split_ending(0, count, extension);
  if (const MetadataValue no = first.header.find(kSplitNo); no.as_u64() != 0U) {
    return Status(no.as_u64() ? Code::kUnsupported : Code::kFormat, first.shard.path.native(),
                  Text("the first file of the split, ", kSplitNo, " 0"), no.describe());
  }
  if (!name.ends_with(ending)) {
    return Status(Code::kFormat, first.shard.path.native(), Text("a name that ends in ", ending, ", as a split has"),
                  name);
  }
  const std::string stem = name.substr(0, name.size() - ending.size());
  std::vector<fs::path> paths;
  for (std::uint64_t i = 1; i < count; ++i) {
    paths.push_back(first.shard.path.parent_path() / (stem + split_ending(i, count, extension)));
  }
  std::uint64_t index = 0;
  std::uint64_t tensors = first.shard.entries.size();
  return open_shards(paths, 1, options, [&](const fs::path& path) -> Result<Shard> {
    MOXIE_TRY_LET(OpenFile open, open_file(path, !options.read));
    MOXIE_TRY(check_split(open, ++index, count));
    tensors += open.shard.entries.size();
    if (tensors <= kMaxGgufTensors) return std::move(open.shard);
    return Status(Code::kFormat, path.native(), Text("at most ", kMaxGgufTensors, " tensors in all files"), "more");
  });
}

}  // namespace

Result<GgufFiles> open_gguf(const fs::path& path, const LoadOptions& options) {
  MOXIE_TRY(options.callbacks.progress({.what = "open files", .done = 0, .total = 1}));
  MOXIE_TRY_LET(OpenFile first, open_file(path, !options.read));
  MOXIE_TRY_LET(const std::uint64_t count, number_or(first, kSplitCount, 0, kMaxShards));
  GgufFiles files;
  std::vector<Shard> rest;
  if (count > 1) {
    MOXIE_TRY_LET(rest, open_rest(first, count, options));
  } else if (count == 1) {
    MOXIE_TRY(check_split(first, 0, 1));
  }
  const std::uint64_t own = first.shard.entries.size();
  MOXIE_TRY_LET(const std::uint64_t tensors, number_or(first, kSplitTensors, own, kMaxGgufTensors));
  files.shards.reserve(rest.size() + 1);
  files.shards.push_back(std::move(first.shard));
  for (Shard& shard : rest) files.shards.push_back(std::move(shard));
  if (count > 0 || tensors != own) MOXIE_TRY(check_names(files.shards, tensors));
  files.metadata = std::move(first.header.metadata);
  files.by_key = std::move(first.header.by_key);
  files.offsets = std::move(first.header.offsets);
  return files;
}

}  // namespace moxie::format
