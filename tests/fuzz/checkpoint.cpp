// SPDX-License-Identifier: Apache-2.0
// Any bytes as a checkpoint folder: opening either fails with a typed error or gives tensors that are whole.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/checked.hpp>
#include <moxie/format/checkpoint.hpp>

#include "fuzz/checkpoint_input.hpp"
#include "support/gguf_writer.hpp"
#include "support/safetensors_writer.hpp"
#include "support/temporary_folder.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check_good(const Checkpoint& checkpoint) {
  std::uint64_t bytes = 0;
  unsigned sum = 0;
  const Tensor* before = nullptr;
  for (const Tensor& tensor : checkpoint.tensors()) {
    require(before == nullptr || before->name < tensor.name);
    require(tensor.dims.size() <= Tensor::kMaxRank);
    const auto count = checked::product(tensor.dims);
    require(count && *count % traits(tensor.type).block_elements == 0);
    require(checked::multiply(*count / traits(tensor.type).block_elements, std::uint64_t{size_of(tensor.type)}) ==
            tensor.bytes.size());
    for (const std::byte byte : tensor.bytes) sum += std::to_integer<unsigned>(byte);
    bytes += tensor.bytes.size();
    const Result<Tensor> found = checkpoint.find(tensor.name);
    require(found.ok() && found->bytes.data() == tensor.bytes.data());
    checkpoint.release_pages(tensor);
    before = &tensor;
  }
  require(bytes == checkpoint.bytes());
  require(sum <= 255 * bytes);
}

void look(const MetadataValue& value) {
  static_cast<void>(value.as_u64());
  static_cast<void>(value.as_i64());
  static_cast<void>(value.as_double());
  static_cast<void>(value.as_bool());
  require(!value.describe().view().empty());
  unsigned sum = 0;
  for (const std::byte byte : value.bytes()) sum += std::to_integer<unsigned>(byte);
  require(sum <= 255 * value.bytes().size());
  if (const auto text = value.as_string()) require(text->size() == value.bytes().size());
}

void check_metadata(const Metadata& metadata) {
  for (const MetadataEntry& entry : metadata.entries()) {
    const MetadataValue found = metadata.find(entry.key);
    require(found && found.bytes().data() == entry.value.bytes().data());
    look(found);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      require(found[i].type() == found.element_type());
      look(found[i]);
      bytes += found[i].bytes().size() + (found[i].as_string() ? 8 : 0);
    }
    require(!found.is_array() || bytes == found.bytes().size());
    require(!found[found.size()]);
  }
}

void open(const std::filesystem::path& folder) {
  bool opened[2] = {false, false};
  for (const bool read : {false, true}) {
    LoadOptions options;
    options.read = read;
    const Result<Checkpoint> checkpoint = Checkpoint::open(folder, options);
    opened[read ? 1 : 0] = checkpoint.ok();
    if (checkpoint.ok()) {
      check_good(*checkpoint);
      check_metadata(checkpoint->metadata());
    } else {
      const Code code = checkpoint.status().code();
      require(code == Code::kFormat || code == Code::kUnsupported || code == Code::kNotFound || code == Code::kIo);
      require(!checkpoint.status().where().empty() && !checkpoint.status().needed().empty());
    }
  }
  require(opened[0] == opened[1]);
}

// The number in the first two bytes, which are taken off.
std::size_t take_number(std::string_view& bytes) {
  if (bytes.size() < 2) return 0;
  const auto low = static_cast<unsigned char>(bytes[0]);
  const auto high = static_cast<unsigned char>(bytes[1]);
  bytes.remove_prefix(2);
  return low + 256U * high;
}

struct Folders {
  TemporaryFolder single;
  TemporaryFolder sharded;
  TemporaryFolder config;

  Folders() {
    write_file(single / "config.json", "{}");
    write_file(sharded / "config.json", "{}");
    write_safetensors(config / "model.safetensors", std::vector<WrittenTensor>());
    write_good_shard();
    write_good_second_file();
    GgufFile first;
    first.keys = split_keys(0, 2, 2);
    first.tensors = {{"a", ElementType::kF16, {2}, std::vector<std::byte>(4)}};
    write_file(single / "n-00001-of-00002.gguf", first.bytes());
    write_safetensors(sharded / "b.safetensors", {{"b", ElementType::kU8, {3}, {std::byte{1}, {}, {}}}});
  }
  void write_good_second_file() const {
    GgufFile second;
    second.keys = split_keys(1, 2, 2);
    second.tensors = {{"b", ElementType::kI8, {3}, std::vector<std::byte>(3)}};
    write_file(single / "m-00002-of-00002.gguf", second.bytes());
  }
  void write_good_shard() const {
    write_safetensors(sharded / "a.safetensors", {{"a", ElementType::kU8, {1}, {std::byte{7}}}});
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folders folders;
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (static_cast<FuzzKind>(data[0] % kFuzzKinds)) {
    case FuzzKind::kFile: {
      write_file(folders.single / "model.safetensors", rest);
      open(folders.single.path());
      break;
    }
    case FuzzKind::kHeader: {
      const std::size_t n_data = take_number(rest);
      write_file(folders.single / "model.safetensors", safetensors_file(rest, std::string(n_data, '\3')));
      open(folders.single.path());
      break;
    }
    case FuzzKind::kIndex: {
      write_file(folders.sharded / "model.safetensors.index.json", rest);
      open(folders.sharded.path());
      break;
    }
    case FuzzKind::kSharded: {
      const std::size_t n_index = std::min(take_number(rest), rest.size());
      write_file(folders.sharded / "model.safetensors.index.json", rest.substr(0, n_index));
      write_file(folders.sharded / "a.safetensors", safetensors_file(rest.substr(n_index), ""));
      open(folders.sharded.path());
      folders.write_good_shard();
      break;
    }
    case FuzzKind::kConfig: {
      write_file(folders.config / "config.json", rest);
      const Result<Checkpoint> checkpoint = Checkpoint::open(folders.config.path());
      require(checkpoint.ok() && checkpoint->config_json() == rest);
      break;
    }
    case FuzzKind::kGguf: {
      write_file(folders.single / "m.gguf", rest);
      open(folders.single / "m.gguf");
      break;
    }
    case FuzzKind::kGgufBody: {
      const std::size_t n_data = take_number(rest);
      write_file(folders.single / "m.gguf", joined({"GGUF\3", std::string(3, '\0'), rest, std::string(n_data, '\3')}));
      open(folders.single / "m.gguf");
      break;
    }
    case FuzzKind::kSplit: {
      write_file(folders.single / "m-00001-of-00002.gguf", rest);
      open(folders.single / "m-00001-of-00002.gguf");
      break;
    }
    case FuzzKind::kSplitEnd: {
      write_file(folders.single / "n-00002-of-00002.gguf", rest);
      open(folders.single / "n-00001-of-00002.gguf");
      break;
    }
  }
  return 0;
}
