// SPDX-License-Identifier: Apache-2.0
// Good GGUF files: what is in them comes out.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <moxie/format/checkpoint.hpp>

#include "folder.hpp"
#include "support/catch.hpp"
#include "support/gguf_writer.hpp"

using namespace moxie;
using namespace moxie::test;
using namespace std::string_literals;

namespace {

std::vector<ElementType> gguf_types() {
  std::vector<ElementType> types;
  for (int i = 0; i <= static_cast<int>(ElementType::kMXFP4); ++i) {
    const auto type = static_cast<ElementType>(i);
    if (gguf_type_number(type) != 1000) types.push_back(type);
  }
  return types;
}

/// A tensor of whole blocks whose bytes count up.
WrittenTensor blocks(std::string name, ElementType type, std::vector<std::uint64_t> dims, unsigned seed = 0) {
  WrittenTensor tensor = counting(std::move(name), ElementType::kU8, {});
  std::size_t elements = 1;
  for (const std::uint64_t dim : dims) elements *= static_cast<std::size_t>(dim);
  tensor.bytes = counting("", ElementType::kU8, {elements / traits(type).block_elements * size_of(type)}, seed).bytes;
  tensor.type = type;
  tensor.dims = std::move(dims);
  return tensor;
}

void check_tensors(const Checkpoint& checkpoint, const std::vector<WrittenTensor>& written) {
  REQUIRE(checkpoint.tensors().size() == written.size());
  std::uint64_t bytes = 0;
  for (const WrittenTensor& wanted : written) {
    INFO(wanted.name);
    const Tensor tensor = checkpoint.find(wanted.name).value();
    CHECK(tensor.type == wanted.type);
    CHECK(std::vector<std::uint64_t>(tensor.dims.begin(), tensor.dims.end()) == wanted.dims);
    CHECK(std::vector<std::byte>(tensor.bytes.begin(), tensor.bytes.end()) == wanted.bytes);
    bytes += tensor.bytes.size();
  }
  CHECK(checkpoint.bytes() == bytes);
  CHECK(std::is_sorted(checkpoint.tensors().begin(), checkpoint.tensors().end(),
                       [](const Tensor& a, const Tensor& b) { return a.name < b.name; }));
}

Result<Checkpoint> open(const GgufFile& file, bool read = false) {
  const TemporaryFolder folder;
  write_file(folder / "m.gguf", file.bytes());
  LoadOptions options;
  options.read = read;
  return Checkpoint::open(folder / "m.gguf", options);
}

}  // namespace

TEST_CASE("every element type and rank of GGUF comes out as it was written, mapped and read") {
  const bool read = GENERATE(false, true);
  const std::uint32_t version = GENERATE(2U, 3U);
  const std::uint64_t alignment = GENERATE(as<std::uint64_t>{}, 1, 32, 4096);
  GgufFile file{.version = version, .keys = {gguf_u32("general.alignment", static_cast<std::uint32_t>(alignment))}};
  file.alignment = alignment;
  unsigned seed = 0;
  for (const ElementType type : gguf_types()) {
    const std::uint64_t width = traits(type).block_elements * 2;
    const std::string stem(name(type));
    file.tensors.push_back(blocks("z" + stem, type, {width}, ++seed));
    file.tensors.push_back(blocks("b" + stem, type, {3, width}, ++seed));
    file.tensors.push_back(blocks("y" + stem, type, {2, 3, 1, width}, ++seed));
    file.tensors.push_back(blocks("x" + stem, type, {0, width}, ++seed));
  }
  file.tensors.push_back(blocks("scalar", ElementType::kF32, {}, ++seed));
  const Checkpoint checkpoint = open(file, read).value();
  CHECK(checkpoint.kind() == CheckpointKind::kGguf);
  CHECK(checkpoint.config_json().empty());
  check_tensors(checkpoint, file.tensors);
  CHECK(checkpoint.find("none").status().code() == Code::kNotFound);
  for (const Tensor& tensor : checkpoint.tensors()) checkpoint.release_pages(tensor);
  check_tensors(checkpoint, file.tensors);
}

TEST_CASE("the numbers of metadata keep their value and their kind") {
  const GgufFile file{.keys = {gguf_key("u8", GgufValue::kU8, raw(std::uint8_t{255})),
                               gguf_key("i8", GgufValue::kI8, raw(std::int8_t{-128})),
                               gguf_key("u16", GgufValue::kU16, raw(std::uint16_t{65535})),
                               gguf_key("i16", GgufValue::kI16, raw(std::int16_t{-32768})),
                               gguf_key("u32", GgufValue::kU32, raw(std::uint32_t{4294967295})),
                               gguf_key("i32", GgufValue::kI32, raw(std::int32_t{-2147483647 - 1})),
                               gguf_key("u64", GgufValue::kU64, raw(std::uint64_t{18446744073709551615U})),
                               gguf_key("i64", GgufValue::kI64, raw(std::int64_t{-9223372036854775807 - 1})),
                               gguf_key("i64+", GgufValue::kI64, raw(std::int64_t{9223372036854775807})),
                               gguf_key("f32", GgufValue::kF32, raw(0.1f)), gguf_key("f64", GgufValue::kF64, raw(0.1)),
                               gguf_key("nan", GgufValue::kF32, raw(std::nanf(""))),
                               gguf_key("yes", GgufValue::kBool, raw(std::uint8_t{1})),
                               gguf_key("no", GgufValue::kBool, raw(std::uint8_t{0}))}};
  const Checkpoint checkpoint = open(file).value();
  const Metadata metadata = checkpoint.metadata();
  REQUIRE(metadata.entries().size() == 14);
  CHECK(metadata.entries()[0].key == "u8");
  CHECK(metadata.entries()[13].key == "no");
  const auto find = [&](std::string_view key) { return metadata.find(key); };

  CHECK(find("u8").as_u64() == 255U);
  CHECK(find("u8").as_i64() == 255);
  CHECK(find("i8").as_i64() == -128);
  CHECK_FALSE(find("i8").as_u64());
  CHECK(find("u16").as_u64() == 65535U);
  CHECK(find("i16").as_i64() == -32768);
  CHECK(find("u32").as_u64() == 4294967295U);
  CHECK(find("i32").as_i64() == -2147483648LL);
  CHECK(find("u64").as_u64() == 18446744073709551615U);
  CHECK_FALSE(find("u64").as_i64());
  CHECK(find("u64").as_double() == 18446744073709551616.0);
  CHECK(find("i64").as_i64() == INT64_MIN);
  CHECK_FALSE(find("i64").as_u64());
  CHECK(find("i64+").as_u64() == 9223372036854775807U);
  CHECK(find("f32").as_double() == double(0.1f));
  CHECK_FALSE(find("f32").as_u64());
  CHECK_FALSE(find("f32").as_i64());
  CHECK(find("f64").as_double() == 0.1);
  CHECK(std::isnan(*find("nan").as_double()));
  CHECK(find("yes").as_bool() == true);
  CHECK(find("no").as_bool() == false);
  CHECK_FALSE(find("u8").as_bool());
  CHECK_FALSE(find("yes").as_u64());
  CHECK_FALSE(find("yes").as_double());
  CHECK_FALSE(find("u8").as_string());
  CHECK(find("u32").type() == MetadataType::kU32);
}

TEST_CASE("an absent value, and the wrong question, give nothing") {
  const MetadataValue absent;
  CHECK_FALSE(absent);
  CHECK_FALSE(absent.type());
  CHECK_FALSE(absent.as_u64());
  CHECK_FALSE(absent.as_i64());
  CHECK_FALSE(absent.as_double());
  CHECK_FALSE(absent.as_bool());
  CHECK_FALSE(absent.as_string());
  CHECK_FALSE(absent.element_type());
  CHECK(absent.size() == 0);
  CHECK_FALSE(absent[0]);
  CHECK(absent.bytes().empty());
  CHECK(absent.describe().view() == "nothing");
  CHECK_FALSE(Metadata().find("x"));
}

TEST_CASE("strings and arrays are seen where they lie, element by element") {
  const std::vector<std::string> words = {"", "a", "zwei", "\0\xff"s, std::string(1000, 'x'), ""};
  const GgufFile file{
      .keys = {
          gguf_string("s", "text"), gguf_string("empty", ""), gguf_strings("words", words), gguf_strings("none", {}),
          gguf_array("i16s", GgufValue::kI16, 3, raw(std::int16_t{-1}) + raw(std::int16_t{2}) + raw(std::int16_t{300})),
          gguf_array("bools", GgufValue::kBool, 2, "\1\0"s), gguf_array("f64s", GgufValue::kF64, 1, raw(2.5))}};
  const Checkpoint checkpoint = open(file).value();
  const Metadata metadata = checkpoint.metadata();
  CHECK(metadata.find("s").as_string() == "text");
  CHECK(metadata.find("s").size() == 0);
  CHECK(metadata.find("empty").as_string() == "");
  const MetadataValue array = metadata.find("words");
  REQUIRE(array.is_array());
  CHECK(array.element_type() == MetadataType::kString);
  REQUIRE(array.size() == words.size());
  for (std::size_t i = 0; i < words.size(); ++i) CHECK(array[i].as_string() == words[i]);
  CHECK_FALSE(array[words.size()]);
  CHECK_FALSE(array[SIZE_MAX]);
  CHECK_FALSE(array.as_string());
  std::size_t bytes = 0;
  for (const std::string& word : words) bytes += 8 + word.size();
  CHECK(array.bytes().size() == bytes);
  CHECK(metadata.find("none").size() == 0);
  CHECK(metadata.find("none").is_array());
  CHECK_FALSE(metadata.find("none")[0]);
  CHECK(metadata.find("i16s")[0].as_i64() == -1);
  CHECK(metadata.find("i16s")[2].as_u64() == 300U);
  CHECK(metadata.find("i16s").bytes().size() == 6);
  CHECK(metadata.find("bools")[0].as_bool() == true);
  CHECK(metadata.find("bools")[1].as_bool() == false);
  CHECK(metadata.find("f64s")[0].as_double() == 2.5);
  CHECK(metadata.find("f64s").describe().view() == "an array of 1 f64");
}

TEST_CASE("a vocabulary larger than the first bytes that are read comes out whole") {
  std::vector<std::string> tokens;
  std::string types;
  for (int i = 0; i < 200'000; ++i) {
    tokens.push_back("token" + std::to_string(i * 7919));
    types += raw(std::int32_t{i % 7});
  }
  GgufFile file{.keys = {gguf_strings("tokens", tokens), gguf_array("types", GgufValue::kI32, tokens.size(), types),
                         gguf_strings("again", tokens), gguf_string("last", "one")},
                .tensors = {counting("t", ElementType::kF32, {5})}};
  const Checkpoint checkpoint = open(file).value();
  const MetadataValue found = checkpoint.metadata().find("tokens");
  REQUIRE(found.size() == tokens.size());
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (found[i].as_string() != tokens[i]) ++wrong;
  }
  CHECK(wrong == 0);
  CHECK(checkpoint.metadata().find("again")[199'999].as_string() == tokens.back());
  CHECK(checkpoint.metadata().find("types")[199'999].as_u64() == 199'999U % 7);
  CHECK(checkpoint.metadata().find("last").as_string() == "one");
  check_tensors(checkpoint, file.tensors);
}

TEST_CASE("metadata and names outlive every Checkpoint but one") {
  Metadata metadata;
  std::string_view name;
  std::optional<Checkpoint> last;
  {
    const Checkpoint checkpoint =
        open({.keys = {gguf_string("k", "v")}, .tensors = {counting("t", ElementType::kF32, {1})}}).value();
    metadata = checkpoint.metadata();
    name = checkpoint.tensors()[0].name;
    last = checkpoint;
  }
  CHECK(metadata.find("k").as_string() == "v");
  CHECK(name == "t");
}

TEST_CASE("a file without tensors, with or without the padding behind its header, is fine") {
  const GgufFile file{.keys = {gguf_string("k", "v")}};
  std::string bytes = file.bytes();
  const TemporaryFolder folder;
  write_file(folder / "padded.gguf", bytes);
  while (bytes.back() == '\0') bytes.pop_back();
  write_file(folder / "bare.gguf", bytes);
  for (const char* name : {"padded.gguf", "bare.gguf"}) {
    for (const bool read : {false, true}) {
      LoadOptions options;
      options.read = read;
      const Result<Checkpoint> checkpoint = Checkpoint::open(folder / name, options);
      INFO(checkpoint.status().message());
      REQUIRE(checkpoint.ok());
      CHECK(checkpoint->tensors().empty());
      CHECK(checkpoint->bytes() == 0);
      CHECK(checkpoint->metadata().find("k").as_string() == "v");
    }
  }
}

TEST_CASE("what is read is charged, and what happens to the file afterwards does not matter") {
  const TemporaryFolder folder;
  const GgufFile file{.tensors = {counting("a", ElementType::kF32, {5}), counting("b", ElementType::kF32, {8})}};
  write_file(folder / "m.gguf", file.bytes());
  LoadOptions options;
  options.read = true;
  options.memory = Budget::create("weights", 63);
  CHECK(Checkpoint::open(folder / "m.gguf", options).status().code() == Code::kBudget);
  CHECK(options.memory->used() == 0);
  options.memory = Budget::create("weights", 64);  // 20 bytes, 12 of padding, 32
  {
    const Checkpoint checkpoint = Checkpoint::open(folder / "m.gguf", options).value();
    CHECK(options.memory->used() == 64);
    write_file(folder / "m.gguf", "");  // what was read does not mind
    check_tensors(checkpoint, file.tensors);
  }
  CHECK(options.memory->used() == 0);
  write_file(folder / "m.gguf", file.bytes());
  options.callbacks.on_progress = [](const Progress&) { return false; };
  CHECK(Checkpoint::open(folder / "m.gguf", options).status().code() == Code::kCancelled);
  CHECK(options.memory->used() == 0);
}

TEST_CASE("a GGUF file is known by its first bytes whatever its name is, and its folder stands for it") {
  GgufFile file;
  file.tensors = {counting("t", ElementType::kF32, {4})};
  for (const char* name : {"m.gguf", "M.GGUF", "sha256-0123abcd", "m.bin", "m.v1.q4"}) {
    const TemporaryFolder folder;
    write_file(folder / name, file.bytes());
    CAPTURE(name);
    CHECK(Checkpoint::open(folder / name).ok());
    const std::string_view ending(name + std::string_view(name).size() - 5);
    const bool model = ending == ".gguf" || ending == ".GGUF";
    const auto by_folder = Checkpoint::open(folder.path());
    CHECK(by_folder.ok() == model);  // what else is in a folder is not looked into
    if (!model) continue;
    write_file(folder / "config.json", "{}");  // as many repositories of GGUF files have beside them
    write_file(folder / "other.txt", "GGUF");
    CHECK(Checkpoint::open(folder.path()).ok());
    write_file(folder / "other.gguf", file.bytes());
    const Status two = Checkpoint::open(folder.path()).status();
    CHECK(two.code() == Code::kUnsupported);
    CHECK(two.came() == joined({name[0] == 'M' ? "M.GGUF, " : "m.gguf, ", "other.gguf"}));
  }
  const TemporaryFolder folder;
  write_file(folder / "short", "GGU");
  CHECK(Checkpoint::open(folder / "short").status().code() == Code::kUnsupported);
  write_file(folder / "text", "GGUF says nothing");
  CHECK(Checkpoint::open(folder / "text").status().code() == Code::kUnsupported);  // of another version
}
