// SPDX-License-Identifier: Apache-2.0
// One GGUF file for each way in which it can be wrong.
#include <string>
#include <string_view>
#include <vector>

#include <moxie/format/checkpoint.hpp>

#include "folder.hpp"
#include "support/catch.hpp"
#include "support/gguf_writer.hpp"

using namespace moxie;
using namespace moxie::test;
using namespace std::string_literals;

namespace {

struct Case {
  std::string what;
  std::string file;
  Code code;
  std::string culprit;  ///< what the message must name, besides the file
};

Status open(const std::string& bytes, bool read) {
  const TemporaryFolder folder;
  write_file(folder / "wrong.gguf", bytes);
  LoadOptions options;
  options.read = read;
  return Checkpoint::open(folder / "wrong.gguf", options).status();
}

void refuse_all(const std::vector<Case>& cases) {
  for (const Case& wrong : cases) {
    for (const bool read : {false, true}) {
      const Status status = open(wrong.file, read);
      INFO(wrong.what);
      INFO(status.message());
      REQUIRE_FALSE(status.ok());
      CHECK(name(status.code()) == name(wrong.code));
      CHECK(status.message().find("wrong.gguf") != std::string_view::npos);
      CHECK(status.message().find(wrong.culprit) != std::string_view::npos);
    }
  }
}

const std::vector<std::uint64_t> kBoundaries = {0,
                                                1,
                                                (1ULL << 31) - 1,
                                                1ULL << 31,
                                                (1ULL << 32) - 1,
                                                1ULL << 32,
                                                (1ULL << 63) - 1,
                                                1ULL << 63,
                                                UINT64_MAX - 31,
                                                UINT64_MAX};

GgufFile good() {
  return {.keys = {gguf_string("general.architecture", "x")}, .tensors = {counting("t", ElementType::kF32, {2, 8})}};
}

/// A file with one tensor whose line is the given one.
std::string with_tensor(const std::string& line, std::size_t data = 64) {
  GgufFile file{.keys = {gguf_string("general.architecture", "x")}};
  file.n_tensors = 1;
  file.extra_tensors = line;
  file.extra_data = std::string(data, '\1');
  return file.bytes();
}
std::string with_key(const std::string& key) {
  GgufFile file = good();
  file.keys.push_back(key);
  return file.bytes();
}
using Dims = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("what the cases below change is a good file before") {
  for (const bool read : {false, true}) {
    CHECK(open(good().bytes(), read).ok());
    CHECK(open(with_tensor(gguf_tensor("t", Dims{8, 2}, 0, 0)), read).ok());
    CHECK(open(with_key(gguf_u32("k", 1)), read).ok());
  }
}

TEST_CASE("a GGUF file cut anywhere is refused") {
  GgufFile file = good();
  file.keys.push_back(gguf_strings("words", {"a", "bc"}));
  file.keys.push_back(gguf_array("numbers", GgufValue::kF64, 2, raw(1.0) + raw(2.0)));
  const std::string bytes = file.bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Status status = open(bytes.substr(0, size), size % 2 == 0);
    INFO(size << " bytes: " << status.message());
    CHECK(status.code() == Code::kFormat);
  }
}

TEST_CASE("a file of another kind, version or byte order is refused") {
  std::string magic = good().bytes();
  magic[3] = 'f';
  const auto version = [](std::uint32_t number) {
    GgufFile file = good();
    file.version = number;
    return file.bytes();
  };
  refuse_all({{"magic", magic, Code::kFormat, "'GGUF'"},
              {"empty", "", Code::kFormat, "file of 0 bytes"},
              {"version 0", version(0), Code::kUnsupported, "version 0"},
              {"version 1", version(1), Code::kUnsupported, "version 1"},
              {"version 4", version(4), Code::kUnsupported, "version 4"},
              {"version -1", version(UINT32_MAX), Code::kUnsupported, "version 4294967295"},
              {"big-endian", version(3U << 24), Code::kUnsupported, "big-endian"}});
}

TEST_CASE("counts of tensors and keys that the file cannot hold are refused") {
  for (const std::uint64_t number : kBoundaries) {
    if (number == 1) continue;
    GgufFile file = good();
    file.n_tensors = number;
    std::string what = "tensors: " + std::to_string(number);
    // Fewer than there are leave bytes that belong to none.
    refuse_all({{what, file.bytes(), Code::kFormat, number == 0 ? "left over" : std::to_string(number)}});
    file = good();
    file.n_keys = number;
    what = "keys: " + std::to_string(number);
    const Status status = open(file.bytes(), false);
    INFO(what << status.message());
    CHECK((status.code() == Code::kFormat || status.code() == Code::kUnsupported));
  }
}

TEST_CASE("lengths of keys, strings, names and arrays that leave the file are refused") {
  std::vector<Case> cases;
  for (const std::uint64_t number : kBoundaries) {
    const std::string text = std::to_string(number);
    if (number > 1) {
      cases.push_back({"key " + text, with_key(raw(number) + "k" + raw(std::uint32_t{4})), Code::kFormat, text});
      cases.push_back(
          {"string " + text, with_key(gguf_key("k", GgufValue::kString, raw(number) + "v")), Code::kFormat, "key 'k'"});
      cases.push_back({"name " + text, with_tensor(raw(number) + "t" + std::string(32, '\0')), Code::kFormat, text});
      for (const GgufValue element :
           {GgufValue::kU8, GgufValue::kBool, GgufValue::kF32, GgufValue::kI64, GgufValue::kString}) {
        cases.push_back({"array " + text, with_key(gguf_array("k", element, number, "")), Code::kFormat, "key 'k'"});
      }
      cases.push_back({"string in array " + text,
                       with_key(gguf_array("k", GgufValue::kString, 2, gguf_text("a") + raw(number) + "b")),
                       Code::kFormat, "key 'k'"});
    }
  }
  cases.push_back({"empty key", with_key(gguf_u32("", 1)), Code::kFormat, "key ''"});
  cases.push_back({"empty name", with_tensor(gguf_tensor("", Dims{16}, 0, 0)), Code::kFormat, "tensor ''"});
  refuse_all(cases);
}

TEST_CASE("value types that GGUF does not have are refused") {
  std::vector<Case> cases;
  for (const std::uint32_t number : {13U, 255U, 256U, 1U << 31, UINT32_MAX}) {
    const std::string text = std::to_string(number);
    cases.push_back({"type " + text, with_key(gguf_key("k", number, raw(1.0))), Code::kFormat, "key 'k'"});
    cases.push_back({"element type " + text, with_key(gguf_array("k", static_cast<GgufValue>(number), 0, "")),
                     Code::kFormat, "key 'k'"});
  }
  cases.push_back(
      {"arrays in an array", with_key(gguf_array("k", GgufValue::kArray, 0, "")), Code::kUnsupported, "key 'k'"});
  cases.push_back({"bool 2", with_key(gguf_key("k", GgufValue::kBool, "\2"s)), Code::kFormat, "key 'k'"});
  cases.push_back({"bools", with_key(gguf_array("k", GgufValue::kBool, 3, "\1\0\xff"s)), Code::kFormat, "key 'k'"});
  refuse_all(cases);
}

TEST_CASE("keys and names that are there twice are refused") {
  GgufFile keys = good();
  keys.keys.push_back(gguf_u32("general.architecture", 1));
  GgufFile names = good();
  names.tensors = {counting("t", ElementType::kF32, {8}), counting("u", ElementType::kF32, {8}),
                   counting("t", ElementType::kF32, {8})};
  refuse_all({{"key", keys.bytes(), Code::kFormat, "key 'general.architecture'"},
              {"name", names.bytes(), Code::kFormat, "tensor 't'"}});
}

TEST_CASE("an alignment that is none is refused") {
  std::vector<Case> cases;
  for (const std::uint32_t number : {0U, 3U, 33U, (1U << 24) + 1, 1U << 25, 1U << 31, UINT32_MAX}) {
    cases.push_back({"alignment " + std::to_string(number), with_key(gguf_u32("general.alignment", number)),
                     Code::kFormat, "general.alignment"});
  }
  cases.push_back({"as u64", with_key(gguf_key("general.alignment", GgufValue::kU64, raw(std::uint64_t{32}))),
                   Code::kFormat, "general.alignment"});
  cases.push_back({"as f32", with_key(gguf_f32("general.alignment", 32)), Code::kFormat, "general.alignment"});
  cases.push_back(
      {"as a string", with_key(gguf_string("general.alignment", "32")), Code::kFormat, "general.alignment"});
  cases.push_back({"as an array", with_key(gguf_array("general.alignment", GgufValue::kU32, 1, raw(32U))),
                   Code::kFormat, "general.alignment"});
  cases.push_back(
      {"beyond the file", with_key(gguf_u32("general.alignment", 1U << 24)), Code::kFormat, "data from byte"});
  refuse_all(cases);
}

TEST_CASE("dimensions that no file can hold are refused") {
  std::vector<Case> cases;
  for (const std::uint32_t rank : {5U, 255U, 256U, 1U << 31, UINT32_MAX}) {
    cases.push_back({"rank " + std::to_string(rank), with_tensor(gguf_text("t") + raw(rank) + std::string(64, '\1')),
                     Code::kUnsupported, "tensor 't'"});
  }
  for (const std::uint64_t dim : kBoundaries) {
    if (dim < 2) continue;
    for (const Dims& dims : {Dims{dim}, Dims{dim, 1}, Dims{1, dim}, Dims{2, dim}, Dims{dim, dim}, Dims{1, 1, 1, dim},
                             Dims{dim, dim, dim, dim}, Dims{dim, dim, 0, dim}}) {
      const Status status = open(with_tensor(gguf_tensor("t", dims, 0, 0)), dim % 2 == 0);
      INFO(dim << ", " << dims.size() << " dims: " << status.message());
      CHECK(status.code() == Code::kFormat);
      CHECK(status.where().find("tensor 't'") != std::string_view::npos);
    }
  }
  // Of blocks: the innermost dimension must come in whole ones, whatever the others are.
  cases.push_back({"half a block", with_tensor(gguf_tensor("t", Dims{16, 2}, 2, 0)), Code::kFormat, "blocks of 32"});
  cases.push_back(
      {"half a super-block", with_tensor(gguf_tensor("t", Dims{128, 2}, 12, 0)), Code::kFormat, "blocks of 256"});
  cases.push_back({"a scalar of blocks", with_tensor(gguf_tensor("t", Dims{}, 8, 0)), Code::kFormat, "blocks of 32"});
  refuse_all(cases);
}

TEST_CASE("tensor types that moxie does not have are refused by number and name") {
  std::vector<Case> cases;
  for (const std::uint32_t type : {4U, 5U, 31U, 36U, 99U, 256U, 1U << 31, UINT32_MAX}) {
    cases.push_back({"type " + std::to_string(type), with_tensor(gguf_tensor("t", Dims{256}, type, 0)),
                     Code::kUnsupported, "type " + std::to_string(type)});
  }
  cases.push_back({"iq2_xs", with_tensor(gguf_tensor("t", Dims{256}, 17, 0)), Code::kUnsupported, "IQ2_XS"});
  cases.push_back({"what is there", with_tensor(gguf_tensor("t", Dims{256}, 17, 0)), Code::kUnsupported, "Q4_K"});
  cases.push_back({"the tensor", with_tensor(gguf_tensor("t", Dims{256}, 17, 0)), Code::kUnsupported, "tensor 't'"});
  refuse_all(cases);
}

TEST_CASE("offsets that overlap, leave holes, are not aligned or leave the file are refused") {
  std::vector<Case> cases;
  for (const std::uint64_t offset : kBoundaries) {
    if (offset == 0) continue;
    cases.push_back({"offset " + std::to_string(offset), with_tensor(gguf_tensor("t", Dims{8, 2}, 0, offset)),
                     Code::kFormat, "tensor 't'"});
  }
  const auto two = [](std::uint64_t second, std::size_t data) {
    GgufFile file;
    file.n_tensors = 2;
    file.extra_tensors = gguf_tensor("a", Dims{10}, 0, 0) + gguf_tensor("b", Dims{8}, 0, second);  // 40 and 32 bytes
    file.extra_data = std::string(data, '\1');
    return file.bytes();
  };
  CHECK(open(two(64, 96), false).ok());
  cases.push_back({"the same place", two(0, 96), Code::kFormat, "tensor 'a'"});
  cases.push_back({"inside the other", two(32, 96), Code::kFormat, "tensor 'b'"});
  cases.push_back({"not aligned", two(40, 96), Code::kFormat, "tensor 'b'"});
  cases.push_back({"a hole", two(96, 128), Code::kFormat, "tensor 'b'"});
  cases.push_back({"the last bytes missing", two(64, 95), Code::kFormat, "tensor 'b'"});
  cases.push_back({"bytes behind", two(64, 97), Code::kFormat, "left over"});
  GgufFile padded;
  padded.tensors = {counting("t", ElementType::kF32, {3})};
  padded.extra_data = std::string(20, '\0');
  CHECK(open(padded.bytes(), true).ok());
  padded.extra_data += '\0';
  cases.push_back({"more than padding", padded.bytes(), Code::kFormat, "left over"});
  refuse_all(cases);
}

TEST_CASE("names and keys of any bytes stay on one line of an error") {
  const std::string wild = "a\n\x1b[31m\0b\xff"s + std::string(5000, 'x');
  for (const std::string& file : {with_tensor(gguf_tensor(wild, Dims{16}, 99, 0)), with_key(gguf_key(wild, 99U, ""))}) {
    const Status status = open(file, false);
    REQUIRE_FALSE(status.ok());
    CHECK(status.message().find_first_of("\n\x1b"s + '\0') == std::string_view::npos);
    CHECK(status.message().size() < 1000);
  }
}

TEST_CASE("what is no regular file is no GGUF file") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "folder.gguf");
  CHECK(Checkpoint::open(folder / "folder.gguf").status().code() == Code::kNotFound);  // a folder without weights
  std::filesystem::create_symlink("/dev/zero", folder / "zero.gguf");
  CHECK(Checkpoint::open(folder / "zero.gguf").status().code() == Code::kIo);
  CHECK(Checkpoint::open(folder / "none.gguf").status().code() == Code::kNotFound);
  write_file(folder / "model.bin", good().bytes());
  CHECK(Checkpoint::open(folder / "model.bin").ok());  // its first bytes say what it is
  std::filesystem::create_symlink("model.bin", folder / "link.gguf");
  CHECK(Checkpoint::open(folder / "link.gguf").ok());
}
