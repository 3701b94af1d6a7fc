// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <string>
#include <vector>

#include <moxie/format/checkpoint.hpp>

#include "gguf_split.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

TEST_CASE("a split is one checkpoint, mapped and read") {
  const TemporaryFolder folder;
  const SplitFiles split;
  split.write(folder);
  for (const bool read : {false, true}) {
    LoadOptions options;
    options.read = read;
    const Checkpoint checkpoint = Checkpoint::open(folder / "m-00001-of-00003.gguf", options).value();
    REQUIRE(checkpoint.tensors().size() == 5);
    for (const WrittenTensor& wanted : split.tensors) {
      const Tensor tensor = checkpoint.find(wanted.name).value();
      CHECK(std::vector<std::byte>(tensor.bytes.begin(), tensor.bytes.end()) == wanted.bytes);
    }
    CHECK(checkpoint.metadata().find("general.architecture").as_string() == "qwen3moe");
  }
}

TEST_CASE("a split whose files do not belong together is refused") {
  struct Case {
    std::string what;
    std::function<void(SplitFiles&)> change;
    Code code;
    std::string culprit;
  };
  const std::vector<Case> cases = {
      {"another number", [](SplitFiles& s) { s.files[1].keys = split_keys(2, 3, 5); }, Code::kFormat, "00002-of"},
      {"the same number", [](SplitFiles& s) { s.files[2].keys = split_keys(1, 3, 5); }, Code::kFormat, "00003-of"},
      {"another count", [](SplitFiles& s) { s.files[1].keys = split_keys(1, 4, 5); }, Code::kFormat, "00002-of"},
      {"no keys", [](SplitFiles& s) { s.files[1].keys.clear(); }, Code::kFormat, "00002-of"},
      {"fewer tensors", [](SplitFiles& s) { s.files[0].keys = split_keys(0, 3, 4); }, Code::kFormat, "4 tensors"},
      {"more tensors", [](SplitFiles& s) { s.files[0].keys = split_keys(0, 3, 6); }, Code::kFormat, "6 tensors"},
      {"a negative number", [](SplitFiles& s) { s.files[0].keys = split_keys(0, 3, -1); }, Code::kFormat,
       "split.tensors"},
      {"a huge count", [](SplitFiles& s) { s.files[0].keys = split_keys(0, 65535, 5); }, Code::kFormat, "split.count"},
      {"a count that the name does not have", [](SplitFiles& s) { s.files[0].keys = split_keys(0, 2, 5); },
       Code::kFormat, "-00001-of-00002.gguf"},
      {"a file that is not the first", [](SplitFiles& s) { s.files[0].keys = split_keys(1, 3, 5); }, Code::kUnsupported,
       "split.no"},
      {"the same tensor in two", [](SplitFiles& s) { s.files[2].tensors[0].name = "t3"; }, Code::kFormat, "'t3'"},
      {"a bad file among them", [](SplitFiles& s) { s.files[2].version = 9; }, Code::kUnsupported, "00003-of"},
      {"no number", [](SplitFiles& s) { s.files[0].keys = {gguf_u32("split.count", 3)}; }, Code::kFormat, "split.no"},
      {"a count as text",
       [](SplitFiles& s) {
         s.files[0].keys = {gguf_string("split.count", "3"), gguf_u32("split.no", 0)};
       },
       Code::kFormat, "split.count"},
  };
  for (const Case& wrong : cases) {
    const TemporaryFolder folder;
    SplitFiles split;
    wrong.change(split);
    split.write(folder);
    for (const bool read : {false, true}) {
      LoadOptions options;
      options.read = read;
      const Status status = Checkpoint::open(folder / "m-00001-of-00003.gguf", options).status();
      INFO(wrong.what << ": " << status.message());
      CHECK(name(status.code()) == name(wrong.code));
      CHECK(status.message().find(wrong.culprit) != std::string_view::npos);
    }
  }
}

TEST_CASE("a split with a file missing, or under another name, is refused") {
  const TemporaryFolder folder;
  const SplitFiles split;
  split.write(folder);
  std::filesystem::remove(folder / "m-00002-of-00003.gguf");
  const Status missing = Checkpoint::open(folder / "m-00001-of-00003.gguf").status();
  CHECK(missing.code() == Code::kNotFound);
  CHECK(missing.message().find("m-00002-of-00003.gguf") != std::string_view::npos);
  write_file(folder / "m.gguf", split.files[0].bytes());
  CHECK(Checkpoint::open(folder / "m.gguf").status().code() == Code::kFormat);
  const Status third = Checkpoint::open(folder / "m-00003-of-00003.gguf").status();
  CHECK(third.code() == Code::kUnsupported);
  CHECK(third.message().find("first") != std::string_view::npos);
}

TEST_CASE("a file of a split that changes while the others are opened is refused, not mixed up") {
  const TemporaryFolder folder;
  const SplitFiles split;
  split.write(folder);
  std::vector<std::uint64_t> opened;
  LoadOptions options;
  options.read = true;
  options.callbacks.on_progress = [&](const Progress& progress) {
    if (progress.what != "open files") return true;
    opened.push_back(progress.done);
    if (progress.done == 2) write_file(folder / "m-00001-of-00003.gguf", joined({split.files[0].bytes(), "x"}));
    return true;
  };
  const Status status = Checkpoint::open(folder / "m-00001-of-00003.gguf", options).status();
  CHECK(status.code() == Code::kIo);
  CHECK(opened == std::vector<std::uint64_t>{0, 1, 2});
}

TEST_CASE("a folder stands for the one split in it, and the ending may be in capitals") {
  const TemporaryFolder folder;
  SplitFiles split;
  split.write(folder);
  CHECK(Checkpoint::open(folder.path()).value().tensors().size() == 5);
  for (const char* number : {"1", "2", "3"}) {
    const std::string name = joined({"m-0000", number, "-of-00003"});
    std::filesystem::rename(folder / (name + ".gguf"), folder / (name + ".GGUF"));
  }
  CHECK(Checkpoint::open(folder.path()).value().tensors().size() == 5);
  CHECK(Checkpoint::open(folder / "m-00001-of-00003.GGUF").value().tensors().size() == 5);
}
