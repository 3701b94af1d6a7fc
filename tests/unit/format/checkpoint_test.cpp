// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/mman.h>

#include <moxie/core/checked.hpp>
#include <moxie/format/checkpoint.hpp>

#include "folder.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;
namespace fs = std::filesystem;

namespace {

Checkpoint open_good(const fs::path& path, const LoadOptions& options = {}) {
  Result<Checkpoint> checkpoint = Checkpoint::open(path, options);
  INFO(checkpoint.status().message());
  REQUIRE(checkpoint.ok());
  return *checkpoint;
}

LoadOptions reading() {
  LoadOptions options;
  options.read = true;
  return options;
}

void check_same(const Checkpoint& checkpoint, std::vector<WrittenTensor> written) {
  std::sort(written.begin(), written.end(),
            [](const WrittenTensor& a, const WrittenTensor& b) { return a.name < b.name; });
  REQUIRE(checkpoint.tensors().size() == written.size());
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < written.size(); ++i) {
    const Tensor& tensor = checkpoint.tensors()[i];
    INFO(written[i].name);
    CHECK(tensor.name == written[i].name);
    CHECK(tensor.type == written[i].type);
    CHECK(std::equal(tensor.dims.begin(), tensor.dims.end(), written[i].dims.begin(), written[i].dims.end()));
    CHECK(std::equal(tensor.bytes.begin(), tensor.bytes.end(), written[i].bytes.begin(), written[i].bytes.end()));
    bytes += written[i].bytes.size();
    CHECK(checkpoint.contains(written[i].name));
    const Result<Tensor> found = checkpoint.find(written[i].name);
    REQUIRE(found.ok());
    CHECK(found->bytes.data() == tensor.bytes.data());
  }
  CHECK(checkpoint.bytes() == bytes);
}

std::vector<WrittenTensor> every_type() {
  std::vector<WrittenTensor> tensors;
  for (int i = 0; i <= static_cast<int>(ElementType::kF64); ++i) {
    const auto type = static_cast<ElementType>(i);
    tensors.push_back(counting(joined({"z", name(type)}), type, {2, 3}, static_cast<unsigned>(i)));
  }
  return tensors;
}

}  // namespace

TEST_CASE("every element type comes back as it was written, mapped and read") {
  const ModelFolder folder;
  const auto tensors = every_type();
  REQUIRE(tensors.size() == 15);
  write_safetensors(folder / "model.safetensors", tensors);
  check_same(open_good(folder.path()), tensors);
  check_same(open_good(folder.path(), reading()), tensors);
}

TEST_CASE("a scalar, four dimensions and sizes of zero are tensors like others") {
  const ModelFolder folder;
  const std::vector<WrittenTensor> tensors = {
      counting("scalar", ElementType::kF32, {}),        counting("none", ElementType::kBF16, {0}),
      counting("four", ElementType::kU8, {2, 1, 3, 2}), counting("inner none", ElementType::kF64, {5, 0, 7}),
      counting("one", ElementType::kI64, {1}),          counting("last none", ElementType::kF32, {0, 4}),
  };
  write_safetensors(folder / "model.safetensors", tensors);
  check_same(open_good(folder.path()), tensors);
  check_same(open_good(folder.path(), reading()), tensors);
}

TEST_CASE("data that begins at any byte is found") {
  const std::vector<WrittenTensor> tensors = {counting("b", ElementType::kU8, {3}),
                                              counting("a", ElementType::kF64, {4})};
  for (std::size_t skew = 0; skew < 8; ++skew) {
    const ModelFolder folder;
    folder.put("model.safetensors", safetensors_bytes(tensors, 8, skew));
    check_same(open_good(folder.path()), tensors);
    check_same(open_good(folder.path(), reading()), tensors);
  }
}

TEST_CASE("a file without tensors is a checkpoint without tensors") {
  const ModelFolder folder;
  folder.put("model.safetensors", safetensors_file("{}", ""));
  const Checkpoint checkpoint = open_good(folder.path());
  CHECK(checkpoint.tensors().empty());
  CHECK(checkpoint.bytes() == 0);
  CHECK(open_good(folder.path(), reading()).tensors().empty());
}

TEST_CASE("a .safetensors file can be opened by its own name") {
  const ModelFolder folder;
  const std::vector<WrittenTensor> tensors = {counting("a", ElementType::kF32, {4})};
  write_safetensors(folder / "other.safetensors", tensors);
  const Checkpoint checkpoint = open_good(folder / "other.safetensors");
  check_same(checkpoint, tensors);
  CHECK(checkpoint.config_json() == R"({"model_type":"qwen3_moe"})");
}

TEST_CASE("shards make one checkpoint, sorted by name") {
  const ModelFolder folder;
  const std::vector<std::vector<WrittenTensor>> shards = {
      {counting("m.2", ElementType::kBF16, {3, 5}, 1), counting("m.0", ElementType::kF32, {7}, 2)},
      {counting("m.1", ElementType::kF16, {2, 2}, 3)},
      {counting("a", ElementType::kI8, {1}, 4), counting("z", ElementType::kU8, {0}, 5)},
  };
  write_sharded(folder.path(), shards);
  std::vector<WrittenTensor> all;
  for (const auto& shard : shards) all.insert(all.end(), shard.begin(), shard.end());
  check_same(open_good(folder.path()), all);
  check_same(open_good(folder.path(), reading()), all);
}

TEST_CASE("an index may name the single file model.safetensors") {
  const ModelFolder folder;
  const std::vector<WrittenTensor> tensors = {counting("a", ElementType::kF32, {4})};
  write_safetensors(folder / "model.safetensors", tensors);
  const std::vector<std::pair<std::string, std::string>> map = {{"a", "model.safetensors"}};
  folder.put("model.safetensors.index.json", shard_index(map));
  check_same(open_good(folder.path()), tensors);
}

TEST_CASE("an index may hold keys that only its writer knows") {
  const ModelFolder folder;
  const std::vector<WrittenTensor> tensors = {counting("a", ElementType::kF32, {4})};
  write_safetensors(folder / "s.safetensors", tensors);
  folder.put("model.safetensors.index.json",
             R"({"x":[{"y":[1,{}]}],"metadata":{"total_size":16.0,"m":{"weight_map":1}},"n":null,)"
             R"("weight_map":{"a":"s.safetensors"},"z":{}})");
  check_same(open_good(folder.path()), tensors);
}

TEST_CASE("a folder of symbolic links, as a hub cache makes it, is a checkpoint") {
  const ModelFolder blobs;
  const TemporaryFolder snapshot;
  const std::vector<WrittenTensor> tensors = {counting("a", ElementType::kF32, {4})};
  write_safetensors(blobs / "0123abcd", tensors);
  fs::create_symlink(blobs / "0123abcd", snapshot / "model.safetensors");
  fs::create_symlink(blobs / "config.json", snapshot / "config.json");
  check_same(open_good(snapshot.path()), tensors);
  check_same(open_good(snapshot.path(), reading()), tensors);
}

TEST_CASE("a checkpoint that was read outlives the truncation and the deletion of its files") {
  const ModelFolder folder;
  const auto tensors = every_type();
  write_safetensors(folder / "model.safetensors", tensors);
  const Checkpoint checkpoint = open_good(folder.path(), reading());
  fs::resize_file(folder / "model.safetensors", 0);
  check_same(checkpoint, tensors);
  fs::remove(folder / "model.safetensors");
  check_same(checkpoint, tensors);
}

TEST_CASE("views live as long as any copy of the checkpoint, and a moved-from one is whole") {
  const ModelFolder folder;
  const std::vector<WrittenTensor> tensors = {counting("a", ElementType::kF32, {4})};
  write_safetensors(folder / "model.safetensors", tensors);
  std::vector<Checkpoint> kept;
  std::span<const Tensor> views;
  {
    Checkpoint first = open_good(folder.path());
    views = first.tensors();
    kept.push_back(std::move(first));
    check_same(first, tensors);  // NOLINT(bugprone-use-after-move): what is tested
  }
  CHECK(views[0].name == "a");
  check_same(kept[0], tensors);
}

TEST_CASE("a tensor that is not there is named in the error") {
  const ModelFolder folder;
  const std::vector<WrittenTensor> tensors = {counting("b", ElementType::kF32, {4})};
  write_safetensors(folder / "model.safetensors", tensors);
  const Checkpoint checkpoint = open_good(folder.path());
  for (const std::string_view name : {"", "a", "bb", "c"}) {
    CHECK_FALSE(checkpoint.contains(name));
    const Result<Tensor> found = checkpoint.find(name);
    REQUIRE_FALSE(found.ok());
    CHECK(found.status().code() == Code::kNotFound);
    CHECK(found.status().needed() == joined({"tensor '", name, "'"}));
  }
}

TEST_CASE("progress of a read ends at its total, and a mapped checkpoint reads nothing") {
  const ModelFolder folder;
  const std::vector<std::vector<WrittenTensor>> shards = {{counting("a", ElementType::kU8, {40'000'000})},
                                                          {counting("b", ElementType::kU8, {1000})}};
  write_sharded(folder.path(), shards);
  std::vector<std::uint64_t> done;
  LoadOptions options;
  options.callbacks.on_progress = [&](const Progress& progress) {
    if (progress.what == "read weights") {
      CHECK(progress.total == 40'001'000);
      done.push_back(progress.done);
    }
    return true;
  };
  static_cast<void>(open_good(folder.path(), options));
  CHECK(done.empty());
  options.read = true;
  static_cast<void>(open_good(folder.path(), options));
  REQUIRE(done.size() > 3);
  CHECK(done.front() == 0);
  CHECK(std::is_sorted(done.begin(), done.end()));
  CHECK(done.back() == 40'001'000);
}

TEST_CASE("opening can be cancelled at every report of progress, and a throw there is an error") {
  const ModelFolder folder;
  const std::vector<std::vector<WrittenTensor>> shards = {{counting("a", ElementType::kU8, {1000})},
                                                          {counting("b", ElementType::kU8, {1000})}};
  write_sharded(folder.path(), shards);
  int stop_at = 0;
  for (bool finished = false; !finished; ++stop_at) {
    int calls = 0;
    LoadOptions options = reading();
    options.memory = Budget::create("weights", 4000);
    options.callbacks.on_progress = [&](const Progress&) { return calls++ != stop_at; };
    const Result<Checkpoint> checkpoint = Checkpoint::open(folder.path(), options);
    finished = checkpoint.ok();
    if (!finished) {
      CHECK(checkpoint.status().code() == Code::kCancelled);
      CHECK(options.memory->used() == 0);
    }
  }
  CHECK(stop_at == 6);  // two opens, two reads, the end; then one that runs through

  LoadOptions options = reading();
  options.callbacks.on_progress = [](const Progress&) -> bool { throw std::runtime_error("host"); };
  CHECK(Checkpoint::open(folder.path(), options).status().code() == Code::kHostException);
}

TEST_CASE("what a read takes is charged first, and given back with the last copy") {
  const ModelFolder folder;
  const std::vector<WrittenTensor> tensors = {counting("a", ElementType::kU8, {1000})};
  write_safetensors(folder / "model.safetensors", tensors);
  LoadOptions options = reading();
  options.memory = Budget::create("weights", 999);
  const Result<Checkpoint> refused = Checkpoint::open(folder.path(), options);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.status().code() == Code::kBudget);
  CHECK(options.memory->used() == 0);

  options.memory = Budget::create("weights", 1000);
  {
    const Checkpoint checkpoint = open_good(folder.path(), options);
    CHECK(options.memory->used() == 1000);
    const Checkpoint copy = checkpoint;
  }
  CHECK(options.memory->used() == 0);
  options.read = false;
  const Checkpoint mapped = open_good(folder.path(), options);
  CHECK(options.memory->used() == 0);
}

namespace {

/// Kilobytes of the mapping around `address` that this process holds, as the system counts them. Page faults
/// would not do: one of them may bring in any number of pages, and other code has some of its own.
std::size_t resident_kilobytes(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    std::size_t kilobytes = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " ", &begin, &end) == 2) {
      inside = begin <= wanted && wanted < end;
    } else if (inside && std::sscanf(line.c_str(), "Rss: %zu kB", &kilobytes) == 1) {
      return kilobytes;
    }
  }
  FAIL("the tensor lies in no mapping");
  return 0;
}

unsigned touch(const Tensor& tensor) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < tensor.bytes.size(); i += 512) sum += std::to_integer<unsigned>(tensor.bytes[i]);
  return sum;
}

}  // namespace

TEST_CASE("released pages leave the process, and come back with the same bytes") {
  const ModelFolder folder;
  const std::vector<WrittenTensor> tensors = {counting("a", ElementType::kU8, {8U << 20}),
                                              counting("b", ElementType::kU8, {9})};
  write_safetensors(folder / "model.safetensors", tensors);
  const Checkpoint checkpoint = open_good(folder.path());
  const Tensor a = *checkpoint.find("a");
  const unsigned sum = touch(a);
  CHECK(resident_kilobytes(a.bytes.data()) >= 8192);
  for (const Tensor& tensor : checkpoint.tensors()) checkpoint.release_pages(tensor);
  CHECK(resident_kilobytes(a.bytes.data()) < 64);
  CHECK(touch(a) == sum);
  CHECK(resident_kilobytes(a.bytes.data()) >= 8192);
  check_same(checkpoint, tensors);
}

/// Whether this system brings pages in when asked: Linux does from 5.14 on.
bool fetches_pages() {
#if defined(MADV_POPULATE_READ)
  void* page = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const bool fetches = madvise(page, 4096, MADV_POPULATE_READ) == 0;
  munmap(page, 4096);
  return fetches;
#else
  return false;
#endif
}

TEST_CASE("fetched pages are in the process before they are read") {
  const ModelFolder folder;
  const std::vector<WrittenTensor> tensors = {counting("a", ElementType::kU8, {8U << 20})};
  write_safetensors(folder / "model.safetensors", tensors);
  const Checkpoint checkpoint = open_good(folder.path());
  const Tensor a = *checkpoint.find("a");
  checkpoint.release_pages(a);
  CHECK(resident_kilobytes(a.bytes.data()) < 64);
  checkpoint.fetch_pages(a);
  if (fetches_pages()) CHECK(resident_kilobytes(a.bytes.data()) >= 8192);
  checkpoint.fetch_pages(Tensor{});
  Tensor beyond = a;
  beyond.bytes = {beyond.bytes.data(), SIZE_MAX / 2};
  checkpoint.fetch_pages(beyond);
  check_same(checkpoint, tensors);
}

TEST_CASE("releasing pages that are not the checkpoint's own leaves them alone") {
  const ModelFolder folder;
  const std::vector<WrittenTensor> tensors = {counting("a", ElementType::kU8, {1U << 20})};
  write_safetensors(folder / "model.safetensors", tensors);
  const Checkpoint mapped = open_good(folder.path());
  const Checkpoint read = open_good(folder.path(), reading());
  mapped.release_pages(*read.find("a"));
  read.release_pages(*read.find("a"));
  mapped.release_pages(Tensor{});
  check_same(read, tensors);

  Tensor beyond = *mapped.find("a");
  beyond.bytes = {beyond.bytes.data(), SIZE_MAX / 2};
  mapped.release_pages(beyond);
  check_same(mapped, tensors);
}
