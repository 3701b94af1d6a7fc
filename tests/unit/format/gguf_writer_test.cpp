// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <moxie/format/checkpoint.hpp>
#include <moxie/format/gguf_writer.hpp>

#include "folder.hpp"
#include "support/catch.hpp"
#include "support/gguf_writer.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

std::string contents(const std::filesystem::path& path) {
  std::string bytes(static_cast<std::size_t>(std::filesystem::file_size(path)), '\0');
  std::ifstream(path, std::ios::binary).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

std::size_t entries(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
}

GgufTensor from(const WrittenTensor& tensor) {
  std::size_t width = tensor.dims.empty() ? 1 : static_cast<std::size_t>(tensor.dims.back());
  width = width / traits(tensor.type).block_elements * size_of(tensor.type);
  return {tensor.name, tensor.type, tensor.dims, [tensor, width](std::uint64_t row, std::span<std::byte> rows) {
            std::copy_n(tensor.bytes.begin() + static_cast<std::ptrdiff_t>(row * width), rows.size(), rows.begin());
            return Status();
          }};
}

}  // namespace

TEST_CASE("the writer writes what one writes by hand, byte for byte") {
  const GgufFile by_hand{
      .keys = {gguf_string("general.architecture", "qwen3moe"), gguf_u32("a", 7),
               gguf_key("b", GgufValue::kU64, raw(std::uint64_t{1} << 40)), gguf_key("c", GgufValue::kI32, raw(-5)),
               gguf_f32("d", 0.1f), gguf_key("e", GgufValue::kBool, "\1"), gguf_strings("f", {"x", "", "yz"}),
               gguf_array("g", GgufValue::kI32, 2, raw(-1) + raw(9)), gguf_array("h", GgufValue::kF32, 1, raw(2.5f)),
               gguf_strings("i", {})},
      .tensors = {counting("one", ElementType::kF32, {3}), counting("two", ElementType::kF16, {2, 3, 5}, 9),
                  counting("none", ElementType::kF32, {0, 4}), counting("scalar", ElementType::kF64, {}),
                  counting("last", ElementType::kI8, {7})}};
  GgufWriter writer;
  REQUIRE(writer.set_string("general.architecture", "qwen3moe").ok());
  REQUIRE(writer.set_u32("a", 7).ok());
  REQUIRE(writer.set_u64("b", std::uint64_t{1} << 40).ok());
  REQUIRE(writer.set_i32("c", -5).ok());
  REQUIRE(writer.set_f32("d", 0.1f).ok());
  REQUIRE(writer.set_bool("e", true).ok());
  REQUIRE(writer.set_strings("f", std::vector<std::string>{"x", "", "yz"}).ok());
  REQUIRE(writer.set_i32s("g", std::vector<std::int32_t>{-1, 9}).ok());
  REQUIRE(writer.set_f32s("h", std::vector<float>{2.5f}).ok());
  REQUIRE(writer.set_strings("i", {}).ok());
  for (const WrittenTensor& tensor : by_hand.tensors) REQUIRE(writer.add(from(tensor)).ok());
  const TemporaryFolder folder;
  std::vector<std::uint64_t> done;
  const HostCallbacks callbacks{.on_progress = [&](const Progress& progress) {
    CHECK(progress.what == "write tensors");
    CHECK(progress.total == 12 + 60 + 8 + 7);
    done.push_back(progress.done);
    return true;
  }};
  const Status status = writer.write(folder / "m.gguf", callbacks);
  INFO(status.message());
  REQUIRE(status.ok());
  std::string expected = by_hand.bytes();
  expected.resize((expected.size() + 31) / 32 * 32);  // the last tensor is padded too
  CHECK(contents(folder / "m.gguf") == expected);
  CHECK(writer.file_bytes() == expected.size());
  CHECK(entries(folder.path()) == 1);
  CHECK(std::is_sorted(done.begin(), done.end()));
  CHECK(done.back() == 87);
}

TEST_CASE("metadata goes from file to file as it is") {
  const TemporaryFolder folder;
  const GgufFile by_hand{.keys = {gguf_string("s", "text"), gguf_strings("words", {"a", "", "bc"}),
                                  gguf_key("i16", GgufValue::kI16, raw(std::int16_t{-3})),
                                  gguf_array("u8s", GgufValue::kU8, 3, "abc"), gguf_f32("f", 1e-6f)}};
  write_file(folder / "a.gguf", by_hand.bytes());
  const Checkpoint checkpoint = Checkpoint::open(folder / "a.gguf").value();
  GgufWriter writer;
  const Metadata metadata = checkpoint.metadata();
  for (const MetadataEntry& entry : metadata.entries()) REQUIRE(writer.set(entry.key, entry.value).ok());
  CHECK(writer.set("absent", MetadataValue()).code() == Code::kInvalidArgument);
  REQUIRE(writer.write(folder / "b.gguf").ok());
  CHECK(contents(folder / "b.gguf") == by_hand.bytes());
}

TEST_CASE("a tensor larger than a chunk is asked for in whole rows, in order, once") {
  constexpr std::uint64_t kRows = 3000;
  constexpr std::uint64_t kWidth = 8 * 256;
  std::uint64_t next = 0;
  std::size_t calls = 0;
  std::size_t largest = 0;
  GgufWriter writer;
  REQUIRE(writer
              .add({"t",
                    ElementType::kQ6_K,
                    {3, kRows / 3, kWidth},
                    [&](std::uint64_t row, std::span<std::byte> rows) {
                      CHECK(row == next);
                      CHECK(rows.size() % (8 * 210) == 0);
                      std::fill(rows.begin(), rows.end(), static_cast<std::byte>(calls));
                      next += rows.size() / (8 * 210);
                      largest = std::max(largest, rows.size());
                      ++calls;
                      return Status();
                    }})
              .ok());
  const TemporaryFolder folder;
  REQUIRE(writer.write(folder / "m.gguf").ok());
  CHECK(next == kRows);
  CHECK(calls > 1);
  CHECK(largest <= (4U << 20));
  CHECK(Checkpoint::open(folder / "m.gguf").value().find("t")->bytes.size() == kRows * 8 * 210);
}

TEST_CASE("what the writer cannot write is refused when it is given") {
  const WrittenTensor good = counting("t", ElementType::kF32, {2});
  GgufWriter writer;
  REQUIRE(writer.set_u32("k", 1).ok());
  REQUIRE(writer.add(from(good)).ok());
  CHECK(writer.set_u32("k", 2).code() == Code::kInvalidArgument);
  CHECK(writer.set_string("", "x").code() == Code::kInvalidArgument);
  CHECK(writer.set_u32("general.alignment", 64).code() == Code::kInvalidArgument);
  CHECK(writer.add(from(good)).code() == Code::kInvalidArgument);
  const auto add = [&](std::string name, ElementType type, std::vector<std::uint64_t> dims) {
    return writer.add({std::move(name), type, std::move(dims), [](auto, auto) { return Status(); }}).code();
  };
  CHECK(add("", ElementType::kF32, {1}) == Code::kInvalidArgument);
  CHECK(add("bool", ElementType::kBool, {1}) == Code::kInvalidArgument);
  CHECK(add("five", ElementType::kF32, {1, 1, 1, 1, 1}) == Code::kInvalidArgument);
  CHECK(add("half a block", ElementType::kQ4_0, {2, 16}) == Code::kInvalidArgument);
  CHECK(add("overflow", ElementType::kF32, {1ULL << 62, 4}) == Code::kInvalidArgument);
  CHECK(writer.add({"no fill", ElementType::kF32, {1}, nullptr}).code() == Code::kInvalidArgument);
  const TemporaryFolder folder;
  REQUIRE(writer.write(folder / "m.gguf").ok());
  GgufFile by_hand{.keys = {gguf_u32("k", 1)}, .tensors = {good}};
  CHECK(contents(folder / "m.gguf") == by_hand.bytes() + std::string(24, '\0'));
  CHECK(add("huge", ElementType::kI8, {1ULL << 63}) == Code::kOk);
  CHECK(add("as huge", ElementType::kI8, {1ULL << 63}) == Code::kOk);
  CHECK(writer.file_bytes() == 0);
  CHECK(writer.write(folder / "n.gguf").code() == Code::kInvalidArgument);
}

TEST_CASE("a write that fails leaves the old file as it was and nothing beside it") {
  const TemporaryFolder folder;
  write_file(folder / "m.gguf", "old");
  const auto fails = [&](GgufTensor::Fill fill, const HostCallbacks& callbacks = {}) {
    GgufWriter writer;
    REQUIRE(writer.add(from(counting("first", ElementType::kF32, {100}))).ok());
    REQUIRE(writer.add({"t", ElementType::kF32, {100}, std::move(fill)}).ok());
    const Code code = writer.write(folder / "m.gguf", callbacks).code();
    CHECK(contents(folder / "m.gguf") == "old");
    CHECK(entries(folder.path()) == 1);
    return code;
  };
  const auto fine = [](auto, auto) { return Status(); };
  CHECK(fails([](auto, auto) { return Status(Code::kShape, "here", "this", "that"); }) == Code::kShape);
  CHECK(fails([](auto, auto) -> Status { throw std::runtime_error("no"); }) == Code::kHostException);
  CHECK(fails(fine, {.on_progress = [](const Progress&) { return false; }}) == Code::kCancelled);
  CHECK(fails(fine, {.on_progress = [](const Progress& p) { return p.done == 0; }}) == Code::kCancelled);
  CHECK(fails(fine, {.on_progress = [](const Progress&) -> bool { throw 1; }}) == Code::kHostException);
}

TEST_CASE("where the system cannot write, its reason is told") {
  GgufWriter writer;
  REQUIRE(writer.add(from(counting("t", ElementType::kF32, {100}))).ok());
  const TemporaryFolder folder;
  const Status no_folder = writer.write(folder / "none" / "m.gguf");
  CHECK(no_folder.code() == Code::kNotFound);
  CHECK(no_folder.message().find("m.gguf") != std::string_view::npos);
  std::filesystem::create_directory(folder / "taken.gguf");
  const Status taken = writer.write(folder / "taken.gguf");
  CHECK(taken.code() == Code::kIo);
  CHECK(entries(folder.path()) == 1);
  // No disk has that much; the file is refused before the first byte of it is asked for.
  bool asked = false;
  REQUIRE(writer
              .add({"huge",
                    ElementType::kI8,
                    {1ULL << 44, 1ULL << 17},
                    [&](auto, auto) {
                      asked = true;
                      return Status(Code::kCancelled, "the test", "an end", "this one");
                    }})
              .ok());
  const Status full = writer.write(folder / "full.gguf");
  INFO(full.message());
  CHECK((full.code() == Code::kIo || full.code() == Code::kNoMemory));
  CHECK_FALSE(asked);
  CHECK(entries(folder.path()) == 1);
}

namespace {

GgufWriter writer_of_one() {
  GgufWriter writer;
  REQUIRE(writer.add(from(counting("t", ElementType::kF32, {100}))).ok());
  return writer;
}

}  // namespace

TEST_CASE("what is no regular file keeps its name") {
  const TemporaryFolder folder;
  std::vector<std::filesystem::path> others = {folder / "folder", folder / "pipe"};
  std::filesystem::create_directory(others[0]);
  REQUIRE(::mkfifo(others[1].c_str(), 0600) == 0);
  // The twin of /dev/null, not itself: who may make it may also destroy that.
  if (::mknod((folder / "null").c_str(), S_IFCHR | 0600, ::makedev(1, 3)) == 0) others.push_back(folder / "null");
  for (const std::filesystem::path& other : others) {
    std::filesystem::create_symlink(other, folder / "link");
    for (const std::filesystem::path& path : {other, folder / "link"}) {
      const auto before = std::filesystem::symlink_status(path).type();
      bool asked = false;
      GgufWriter writer;
      REQUIRE(writer
                  .add({"t",
                        ElementType::kF32,
                        {1},
                        [&](auto, auto) {
                          asked = true;
                          return Status();
                        }})
                  .ok());
      const Status status = writer.write(path);
      CAPTURE(path.string(), status.message());
      CHECK(status.code() == Code::kIo);
      CHECK(status.where() == path.native());
      CHECK_FALSE(asked);  // hours of work come after
      CHECK(std::filesystem::symlink_status(path).type() == before);
    }
    std::filesystem::remove(folder / "link");
  }
  CHECK(entries(folder.path()) == others.size());
}

TEST_CASE("what takes the name while a file is written keeps it") {
  const TemporaryFolder folder;
  GgufWriter writer;
  REQUIRE(writer
              .add({"t",
                    ElementType::kF32,
                    {1},
                    [&](auto, auto) {
                      return ::mkfifo((folder / "m.gguf").c_str(), 0600) == 0
                                 ? Status()
                                 : Status(Code::kIo, "test", "a pipe", "none");
                    }})
              .ok());
  CHECK(writer.write(folder / "m.gguf").code() == Code::kIo);
  CHECK(std::filesystem::is_fifo(folder / "m.gguf"));
  CHECK(entries(folder.path()) == 1);
}

TEST_CASE("a link stays one, and what it leads to is written") {
  const TemporaryFolder folder;
  const GgufWriter writer = writer_of_one();
  std::filesystem::create_directory(folder / "disk");
  for (const bool there : {false, true}) {
    if (there) write_file(folder / "disk" / "m.gguf", "old");
    std::filesystem::create_symlink("disk/m.gguf", folder / "inner.gguf");
    std::filesystem::create_symlink(folder / "inner.gguf", folder / "m.gguf");
    REQUIRE(writer.write(folder / "m.gguf").ok());
    CHECK(std::filesystem::is_symlink(folder / "m.gguf"));
    CHECK(std::filesystem::is_symlink(folder / "inner.gguf"));
    CHECK(std::filesystem::is_regular_file(std::filesystem::symlink_status(folder / "disk" / "m.gguf")));
    CHECK(Checkpoint::open(folder / "m.gguf").ok());
    CHECK(entries(folder / "disk") == 1);
    for (const char* made : {"m.gguf", "inner.gguf", "disk/m.gguf"}) std::filesystem::remove(folder / made);
  }
  std::filesystem::create_symlink("m.gguf", folder / "m.gguf");
  CHECK(writer.write(folder / "m.gguf").code() == Code::kIo);
}
