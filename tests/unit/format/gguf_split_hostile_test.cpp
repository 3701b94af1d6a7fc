// SPDX-License-Identifier: Apache-2.0
// Splits whose files are something else, or say something else, and files so large that only their header may be read.
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <moxie/format/checkpoint.hpp>

#include "gguf_split.hpp"
#include "support/catch.hpp"
#include "support/hostile_values.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

namespace fs = std::filesystem;

Status open_both_ways(const fs::path& path) {
  const Status mapped = Checkpoint::open(path).status();
  LoadOptions options;
  options.read = true;
  const Status read = Checkpoint::open(path, options).status();
  CHECK(name(mapped.code()) == name(read.code()));
  return mapped;
}

/// What this process has asked files for so far, in bytes.
std::uint64_t bytes_read() {
  std::ifstream io("/proc/self/io");
  std::string word;
  std::uint64_t number = 0;
  while (io >> word >> number) {
    if (word == "rchar:") return number;
  }
  return 0;
}

}  // namespace

TEST_CASE("each key of each file of a split, with every kind of value, is refused or says the same") {
  const std::vector<HostileValue> values = hostile_values();
  const char* const keys[] = {"split.no", "split.count", "split.tensors.count"};
  const TemporaryFolder folder;
  SplitFiles().write(folder);
  const std::string first = (folder / "m-00001-of-00003.gguf").native();
  REQUIRE(Checkpoint::open(first).ok());
  std::size_t refused = 0;
  for (std::size_t file = 0; file < 3; ++file) {
    const fs::path path = folder / joined({"m-0000", std::to_string(file + 1), "-of-00003.gguf"});
    for (std::size_t key = 0; key < 3; ++key) {
      for (const HostileValue& value : values) {
        SplitFiles split;
        split.files[file].keys[key] = gguf_key(keys[key], value.type, value.bytes);
        fs::remove(path);
        write_file(path, split.files[file].bytes());
        const Result<Checkpoint> checkpoint = Checkpoint::open(first);
        if (checkpoint.ok()) {
          // Not even as a file that belongs to no split, for it says how many tensors there are.
          CHECK(checkpoint->tensors().size() == 5);
          continue;
        }
        ++refused;
        const Code code = checkpoint.status().code();
        if (code != Code::kFormat && code != Code::kUnsupported) {
          FAIL_CHECK(keys[key] << " of file " << file << ", " << value.what << ": " << checkpoint.status().message());
        }
      }
    }
    fs::remove(path);
    write_file(path, SplitFiles().files[file].bytes());
  }
  CHECK(refused > 500);
}

TEST_CASE(
    "a file of a split that is a device, a pipe, a folder, a link into nothing or the first file again is refused") {
  const TemporaryFolder folder;
  SplitFiles().write(folder);
  const fs::path second = folder / "m-00002-of-00003.gguf";
  const auto refused = [&](const char* what) {
    const Status status = open_both_ways(folder / "m-00001-of-00003.gguf");
    INFO(what << ": " << status.message());
    CHECK_FALSE(status.ok());
    CHECK(status.message().find("m-00002-of-00003.gguf") != std::string_view::npos);
    fs::remove(second);
  };
  fs::remove(second);
  for (const char* target : {"/dev/zero", "/dev/null", "/dev/tty", "none", "m-00002-of-00003.gguf", "/proc/self/mem",
                             "m-00001-of-00003.gguf", "..", "/"}) {
    fs::create_symlink(target, second);
    refused(target);
  }
  REQUIRE(::mkfifo(second.c_str(), 0600) == 0);
  refused("a pipe");  // without a writer: opening it must not wait for one
  fs::create_directory(second);
  refused("a folder");
  write_file(second, "");
  refused("an empty file");
  // A link to the right file is as good as the file.
  write_file(folder / "elsewhere", SplitFiles().files[1].bytes());
  fs::create_symlink("elsewhere", second);
  CHECK(open_both_ways(folder / "m-00001-of-00003.gguf").ok());
}

TEST_CASE("a split cut anywhere in any file is refused") {
  const TemporaryFolder folder;
  for (std::size_t file = 0; file < 3; ++file) {
    SplitFiles().write(folder);
    const fs::path path = folder / joined({"m-0000", std::to_string(file + 1), "-of-00003.gguf"});
    const std::string whole = SplitFiles().files[file].bytes();
    for (std::size_t size = 0; size < whole.size(); size += 3) {
      fs::remove(path);
      write_file(path, whole.substr(0, size));
      const Status status = Checkpoint::open(folder / "m-00001-of-00003.gguf").status();
      INFO("file " << file << ", " << size << " bytes: " << status.message());
      CHECK(status.code() == Code::kFormat);
    }
  }
}

TEST_CASE("of a file of many gigabytes the header is read and nothing else") {
  constexpr std::uint64_t kGigabytes = 64;
  GgufFile file{.keys = {gguf_string("general.architecture", "qwen3moe")}};
  file.n_tensors = kGigabytes;
  const std::vector<std::uint64_t> dims = {1 << 15, 1 << 13};  // of F32: 1 GiB
  for (std::uint64_t i = 0; i < kGigabytes; ++i) {
    file.extra_tensors += gguf_tensor(joined({"t", std::to_string(i)}), dims, 0, i << 30);
  }
  const std::string header = file.bytes();
  for (const std::uint32_t version : {2U, 3U}) {
    const TemporaryFolder folder;
    const fs::path path = folder / "big.gguf";
    write_file(path, header.substr(0, 4) + raw(version) + header.substr(8));
    // A hole of 64 GiB takes no room on the disk.
    std::error_code error;
    fs::resize_file(path, header.size() + (kGigabytes << 30), error);
    if (error) {
      WARN("skipped: this file system has no files of " << kGigabytes << " GiB: " << error.message());
      return;
    }
    const std::uint64_t before = bytes_read();
    const Checkpoint checkpoint = Checkpoint::open(path).value();
    CHECK(bytes_read() - before < (2U << 20));
    CHECK(checkpoint.tensors().size() == kGigabytes);
    CHECK(checkpoint.bytes() == kGigabytes << 30);
    CHECK(checkpoint.find("t63").value().bytes.back() == std::byte{0});
    // What does not fit in memory is an error, or a charge that the host refuses, before anything is read.
    LoadOptions options;
    options.read = true;
    options.memory = Budget::create("weights", 1 << 20);
    CHECK(Checkpoint::open(path, options).status().code() == Code::kBudget);
    CHECK(bytes_read() - before < (4U << 20));
  }
}
