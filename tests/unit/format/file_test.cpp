// SPDX-License-Identifier: Apache-2.0
#include "format/file.hpp"

#include <chrono>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "folder.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::format;
using namespace moxie::test;
namespace fs = std::filesystem;

namespace {

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// How many descriptors are open, so that a test sees a leak.
std::size_t descriptors() {
  const fs::directory_iterator open("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(open), end(open)));
}

}  // namespace

TEST_CASE("a file is read at any place, and not past its end") {
  const ModelFolder folder;
  folder.put("f", "0123456789");
  const Result<File> file = File::open(folder / "f");
  REQUIRE(file.ok());
  CHECK(file->size() == 10);
  CHECK(file->name() == (folder / "f").native());
  for (std::size_t at = 0; at <= 11; ++at) {
    for (std::size_t size = 0; size <= 11; ++size) {
      std::vector<std::byte> into(size);
      const Status status = file->read(at, into);
      INFO(at << " " << size);
      CHECK(status.ok() == (size == 0 || at + size <= 10));
      if (status.ok()) {
        CHECK(text_of(into) == (size == 0 ? "" : std::string("0123456789").substr(at, size)));
      } else {
        CHECK(status.code() == Code::kIo);
      }
    }
  }
  std::byte one{};
  for (const std::uint64_t offset : {1ULL << 62, (1ULL << 63) - 1, 1ULL << 63, ~0ULL}) {
    CHECK(file->read(offset, {&one, 1}).code() == Code::kIo);
  }
}

TEST_CASE("a file that shrinks is neither read nor mapped as if it had not") {
  const ModelFolder folder;
  folder.put("f", std::string(10'000, 'x'));
  const Result<File> file = File::open(folder / "f");
  REQUIRE(file.ok());
  {
    const Result<Mapping> mapping = file->map();
    REQUIRE(mapping.ok());
    CHECK(text_of(mapping->bytes()) == std::string(10'000, 'x'));
  }
  fs::resize_file(folder / "f", 100);
  std::vector<std::byte> into(10'000);
  const Status status = file->read(0, into);
  CHECK(status.code() == Code::kIo);
  CHECK(status.came() == "the end of the file after 100");
  const Result<Mapping> mapping = file->map();
  REQUIRE_FALSE(mapping.ok());
  CHECK(mapping.status().code() == Code::kIo);
  CHECK(mapping.status().came() == "100");
}

TEST_CASE("the identity of a file is another after a change, and the same without one") {
  const ModelFolder folder;
  folder.put("f", "abc");
  const FileIdentity before = File::open(folder / "f")->identity();
  CHECK(File::open(folder / "f")->identity() == before);
  folder.put("g", "abc");
  CHECK_FALSE(File::open(folder / "g")->identity() == before);
  fs::last_write_time(folder / "f", fs::last_write_time(folder / "f") + std::chrono::nanoseconds(1000));
  CHECK_FALSE(File::open(folder / "f")->identity() == before);
  folder.put("f", "abcd");
  CHECK_FALSE(File::open(folder / "f")->identity() == before);
}

TEST_CASE("an empty file is opened and read as nothing, and cannot be mapped") {
  const ModelFolder folder;
  folder.put("f", "");
  const Result<File> file = File::open(folder / "f");
  REQUIRE(file.ok());
  CHECK(file->size() == 0);
  CHECK_FALSE(file->map().ok());
  CHECK(*read_small_file(folder / "f", 0) == "");
}

TEST_CASE("a small file is read up to its limit") {
  const ModelFolder folder;
  folder.put("f", "12345");
  CHECK(*read_small_file(folder / "f", 5) == "12345");
  const Result<std::string> refused = read_small_file(folder / "f", 4);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.status().code() == Code::kFormat);
  CHECK(refused.status().where() == (folder / "f").native());
}

TEST_CASE("files, moved and refused ones too, leave no descriptor behind") {
  const ModelFolder folder;
  folder.put("f", "12345");
  const std::size_t before = descriptors();
  {
    Result<File> file = File::open(folder / "f");
    File moved = *std::move(file);
    Result<File> other = File::open(folder / "f");
    moved = *std::move(other);
    CHECK(descriptors() == before + 1);  // the first was closed when it was replaced
    CHECK_FALSE(File::open(folder.path()).ok());
    CHECK_FALSE(File::open(folder / "gone").ok());
  }
  CHECK(descriptors() == before);
}

TEST_CASE("a name that holds anything is one printable line in an error") {
  const ModelFolder folder;
  const Result<File> file = File::open(folder / "a\nb\x1b[31m");
  REQUIRE_FALSE(file.ok());
  CHECK(file.status().message().find("a?b?[31m") != std::string_view::npos);
}
