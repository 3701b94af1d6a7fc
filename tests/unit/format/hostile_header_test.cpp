// SPDX-License-Identifier: Apache-2.0
// One safetensors file for each way in which it can be wrong.
#include <string>
#include <string_view>
#include <vector>

#include <moxie/format/checkpoint.hpp>

#include "folder.hpp"
#include "support/catch.hpp"

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

void refuse_all(const std::vector<Case>& cases) {
  for (const Case& wrong : cases) {
    const ModelFolder folder;
    folder.put("model.safetensors", wrong.file);
    for (const bool read : {false, true}) {
      LoadOptions options;
      options.read = read;
      const Result<Checkpoint> checkpoint = Checkpoint::open(folder.path(), options);
      INFO(wrong.what);
      INFO(checkpoint.status().message());
      REQUIRE_FALSE(checkpoint.ok());
      CHECK(name(checkpoint.status().code()) == name(wrong.code));
      CHECK(checkpoint.status().message().find("model.safetensors") != std::string_view::npos);
      CHECK(checkpoint.status().message().find(wrong.culprit) != std::string_view::npos);
    }
  }
}

// A file with `header` and as many bytes of data.
std::string with(std::string_view header, std::size_t data = 0) {
  return safetensors_file(header, std::string(data, '\1'));
}
// A file with one tensor t, whose object holds `fields`.
std::string tensor(std::string_view fields, std::size_t data = 8) {
  return with(joined({"{\"t\":{", fields, "}}"}), data);
}
std::string shaped(std::string_view shape, std::string_view type = "F32", std::size_t data = 8) {
  return tensor(joined({"\"dtype\":\"", type, "\",\"shape\":", shape, ",\"data_offsets\":[0,8]"}), data);
}
std::string placed(std::string_view offsets, std::size_t data = 8) {
  return tensor(joined({R"("dtype":"F32","shape":[2],"data_offsets":)", offsets}), data);
}
// A file with u8 tensors at these places.
std::string layout(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& places, std::size_t data) {
  std::string header;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto [begin, end] = places[i];
    const std::vector<std::uint64_t> dims = {end - begin};
    header += i == 0 ? "{" : ",";
    header += safetensors_entry(joined({"t", std::to_string(i)}), "U8", dims, begin, end);
  }
  header += '}';
  return with(header, data);
}

constexpr std::string_view kGood = R"("dtype":"F32","shape":[2],"data_offsets":[0,8])";

}  // namespace

TEST_CASE("the file that the wrong ones differ from is right") {
  const ModelFolder folder;
  for (const std::string& file : {tensor(kGood), shaped("[2]"), placed("[0,8]"), layout({{0, 3}, {3, 8}}, 8)}) {
    folder.put("model.safetensors", file);
    const Result<Checkpoint> checkpoint = Checkpoint::open(folder.path());
    INFO(checkpoint.status().message());
    CHECK(checkpoint.ok());
  }
}

TEST_CASE("a header length that cannot be is refused") {
  const std::string body = "{}      ";
  const auto length = [&](std::uint64_t value) { return little_endian_u64(value) + body; };
  refuse_all({
      {"no byte at all", "", Code::kFormat, "8 bytes"},
      {"half a length", std::string(7, '\0'), Code::kFormat, "8 bytes"},
      {"a length alone", little_endian_u64(2), Code::kFormat, "a length of 2"},
      {"0", length(0), Code::kFormat, "a length of 0"},
      {"1", length(1), Code::kFormat, "a length of 1"},
      {"one more than there is", length(9), Code::kFormat, "a length of 9"},
      {"2^31 - 1", length(0x7fffffff), Code::kFormat, "a length of 2147483647"},
      {"2^31", length(0x80000000), Code::kFormat, "a length of 2147483648"},
      {"2^63", length(1ULL << 63), Code::kFormat, "a length of 9223372036854775808"},
      {"2^64 - 8, whose end is byte 0", length(~0ULL - 7), Code::kFormat, "a length of 18446744073709551608"},
      {"2^64 - 1", length(~0ULL), Code::kFormat, "a length of 18446744073709551615"},
      {"the format's limit and one more, inside the file",
       little_endian_u64(100'000'001) + "{}" + std::string(100'000'000, ' '), Code::kFormat, "100000000"},
  });
}

TEST_CASE("a header that is not the right JSON is refused") {
  refuse_all({
      {"only spaces", with("    "), Code::kFormat, "'{'"},
      {"a space first", with(" {}"), Code::kFormat, "'{'"},
      {"an array", with("[]"), Code::kFormat, "'{'"},
      {"a number", with("12"), Code::kFormat, "'{'"},
      {"a byte order mark", with("\xef\xbb\xbf{}"), Code::kFormat, "'{'"},
      {"an open object", with("{\"t\":"), Code::kFormat, "JSON"},
      {"an open string", with("{\"t"), Code::kFormat, "JSON"},
      {"an end too many", with("{}}"), Code::kFormat, "JSON"},
      {"a second object", with("{}{}"), Code::kFormat, "JSON"},
      {"a comment", with("{/**/}"), Code::kFormat, "JSON"},
      {"a trailing comma", with("{\"t\":{"s + std::string(kGood) + "},}", 8), Code::kFormat, "JSON"},
      {"a zero byte behind it", with(std::string("{}\0", 3)), Code::kFormat, "zero byte"},
      {"a zero byte, then more", with(std::string("{}\0{}", 5)), Code::kFormat, "zero byte"},
      {"invalid UTF-8", with("{\"\xff\":{"s + std::string(kGood) + "}}", 8), Code::kFormat, "JSON"},
      {"overlong UTF-8", with("{\"\xc0\xaf\":{"s + std::string(kGood) + "}}", 8), Code::kFormat, "JSON"},
      {"a lone surrogate", with(R"({"\ud800":{)"s + std::string(kGood) + "}}", 8), Code::kFormat, "JSON"},
      {"a newline in a name", with("{\"a\nb\":{"s + std::string(kGood) + "}}", 8), Code::kFormat, "JSON"},
      {"deep nesting", with("{\"t\":"s + std::string(100'000, '[')), Code::kFormat, "'t'"},
      {"deep nesting in the metadata", with("{\"__metadata__\":{\"a\":"s + std::string(100'000, '{')), Code::kFormat,
       "__metadata__"},
      {"a very long name", with("{\""s + std::string(100'000, 'x') + "\":{"s + std::string(kGood) + "}}", 8),
       Code::kFormat, "65536"},
      {"a very long number", shaped("["s + std::string(100'000, '1') + "]"), Code::kFormat, "65536"},
      {"infinity", shaped("[1e999]"), Code::kFormat, "1e999"},
      {"NaN", shaped("[NaN]"), Code::kFormat, "JSON"},
  });
}

TEST_CASE("metadata that is not strings is refused") {
  const auto meta = [](std::string_view value) { return with("{\"__metadata__\":"s + std::string(value) + "}"); };
  std::string many = "{";
  for (int i = 0; i <= 1 << 14; ++i) many += joined({i == 0 ? "\"" : ",\"", std::to_string(i), "\":\"\""});
  refuse_all({
      {"null", meta("null"), Code::kFormat, "__metadata__"},
      {"a string", meta("\"pt\""), Code::kFormat, "__metadata__"},
      {"an array", meta("[]"), Code::kFormat, "__metadata__"},
      {"a number in it", meta("{\"a\":1}"), Code::kFormat, "__metadata__"},
      {"null in it", meta("{\"a\":null}"), Code::kFormat, "__metadata__"},
      {"an object in it", meta("{\"a\":{}}"), Code::kFormat, "__metadata__"},
      {"an array in it", meta("{\"a\":[]}"), Code::kFormat, "__metadata__"},
      {"a key twice", meta("{\"a\":\"\",\"b\":\"\",\"a\":\"\"}"), Code::kFormat, "'a' twice"},
      {"itself twice", with(R"({"__metadata__":{},"__metadata__":{}})"), Code::kFormat, "'__metadata__' twice"},
      {"too many keys", meta(many + "}"), Code::kFormat, "16384"},
  });
}

TEST_CASE("a tensor without its three fields, each once, is refused") {
  refuse_all({
      {"null", with("{\"t\":null}"), Code::kFormat, "'t'"},
      {"a number", with("{\"t\":1}"), Code::kFormat, "'t'"},
      {"an array", with("{\"t\":[]}"), Code::kFormat, "'t'"},
      {"nothing in it", with("{\"t\":{}}"), Code::kFormat, "dtype"},
      {"no dtype", tensor(R"("shape":[2],"data_offsets":[0,8])"), Code::kFormat, "needed dtype"},
      {"no shape", tensor(R"("dtype":"F32","data_offsets":[0,8])"), Code::kFormat, "needed shape"},
      {"no data_offsets", tensor(R"("dtype":"F32","shape":[2])"), Code::kFormat, "needed data_offsets"},
      {"dtype twice", tensor(std::string(kGood) + R"(,"dtype":"F32")"), Code::kFormat, "dtype once"},
      {"shape twice", tensor(std::string(kGood) + R"(,"shape":[2])"), Code::kFormat, "shape once"},
      {"data_offsets twice", tensor(std::string(kGood) + R"(,"data_offsets":[0,8])"), Code::kFormat,
       "data_offsets once"},
      {"another field", tensor(std::string(kGood) + R"(,"stride":[1])"), Code::kFormat, "'stride'"},
      {"a name twice, at one place",
       with("{\"t\":{"s + std::string(kGood) + "},\"t\":{"s + std::string(kGood) + "}}", 8), Code::kFormat, "'t'"},
      {"a name twice, at two places",
       with("{\"t\":{"s + std::string(kGood) + R"(},"u":{"dtype":"U8","shape":[0],"data_offsets":[8,8]},)" +
                R"("t":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}})",
            9),
       Code::kFormat, "'t': needed each name once"},
      {"a name twice, once escaped",
       with("{\"t\":{"s + std::string(kGood) + R"(},"\u0074":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}})", 9),
       Code::kFormat, "'t': needed each name once"},
  });
}

TEST_CASE("a dtype that is none is refused, and one of a later format is unsupported") {
  refuse_all({
      {"a number", shaped("[2]", "\",\"x\":\""), Code::kFormat, "'t'"},
      {"unknown", shaped("[2]", "F31"), Code::kFormat, "\"F31\""},
      {"empty", shaped("[2]", ""), Code::kFormat, "\"\""},
      {"in small letters", shaped("[2]", "f32"), Code::kFormat, "\"f32\""},
      {"longer", shaped("[2]", "F32 "), Code::kFormat, "\"F32 \""},
      {"four bits", shaped("[2]", "F4"), Code::kUnsupported, "\"F4\""},
      {"complex", shaped("[2]", "C64"), Code::kUnsupported, "BF16"},
      {"null", tensor(R"("dtype":null,"shape":[2],"data_offsets":[0,8])"), Code::kFormat, "dtype as a string"},
      {"an integer", tensor(R"("dtype":7,"shape":[2],"data_offsets":[0,8])"), Code::kFormat, "dtype as a string"},
      {"an array", tensor(R"("dtype":["F32"],"shape":[2],"data_offsets":[0,8])"), Code::kFormat, "dtype as a string"},
  });
}

TEST_CASE("a shape that is none is refused") {
  refuse_all({
      {"negative", shaped("[-2]"), Code::kFormat, "-2"},
      {"negative twice, so that the product is right", shaped("[-1,-2]"), Code::kFormat, "'t'"},
      {"zero with a sign", tensor(R"("dtype":"F32","shape":[-0],"data_offsets":[0,0])", 0), Code::kFormat, "'t'"},
      {"fractional", shaped("[2.5]"), Code::kFormat, "2.5"},
      {"whole, but written as a fraction", shaped("[2.0]"), Code::kFormat, "'t'"},
      {"an exponent", shaped("[2e0]"), Code::kFormat, "'t'"},
      {"a string", shaped("[\"2\"]"), Code::kFormat, "\"2\""},
      {"null", shaped("[null]"), Code::kFormat, "null"},
      {"true", shaped("[true]"), Code::kFormat, "true"},
      {"an array inside", shaped("[[2]]"), Code::kFormat, "'t'"},
      {"a number instead", shaped("2"), Code::kFormat, "shape as an array"},
      {"an object instead", shaped("{}"), Code::kFormat, "shape as an array"},
      {"null instead", shaped("null"), Code::kFormat, "shape as an array"},
      {"5 dimensions", shaped("[1,1,1,1,2]"), Code::kUnsupported, "at most 4 dimensions"},
      {"2^64", shaped("[18446744073709551616]"), Code::kFormat, "'t'"},
      {"2^64 - 1", shaped("[18446744073709551615]"), Code::kFormat, "64 bits"},
      {"2^63", shaped("[9223372036854775808]"), Code::kFormat, "64 bits"},
      {"2^62 + 2, whose bytes come round to 8", shaped("[4611686018427387906]"), Code::kFormat, "64 bits"},
      {"2^32 by 2^32", shaped("[4294967296,4294967296]"), Code::kFormat, "64 bits"},
      {"2^32 by 2^32 by 2, whose product is 0", shaped("[4294967296,4294967296,2]"), Code::kFormat, "64 bits"},
      {"an overflow in front of a zero", shaped("[4294967296,4294967296,0]"), Code::kFormat, "64 bits"},
      {"2^31", shaped("[2147483648]"), Code::kFormat, "8589934592 bytes"},
      {"too large for its data", shaped("[3]"), Code::kFormat, "12 bytes"},
      {"too small for its data", shaped("[1]"), Code::kFormat, "4 bytes"},
      {"zero, with data", shaped("[0]"), Code::kFormat, "0 bytes"},
      {"another type's", shaped("[2]", "BF16"), Code::kFormat, "4 bytes"},
  });
}

TEST_CASE("data_offsets that are none are refused") {
  refuse_all({
      {"none", placed("[]"), Code::kFormat, "2 data_offsets"},
      {"one", placed("[0]"), Code::kFormat, "2 data_offsets"},
      {"three", placed("[0,8,8]"), Code::kFormat, "2 data_offsets"},
      {"negative", placed("[-8,0]"), Code::kFormat, "-8"},
      {"fractional", placed("[0,8.0]"), Code::kFormat, "'t'"},
      {"strings", placed("[\"0\",\"8\"]"), Code::kFormat, "'t'"},
      {"null", placed("null"), Code::kFormat, "data_offsets as an array"},
      {"a number", placed("8"), Code::kFormat, "data_offsets as an array"},
      {"an object", placed("{\"begin\":0}"), Code::kFormat, "data_offsets as an array"},
      {"arrays inside", placed("[[0],[8]]"), Code::kFormat, "'t'"},
      {"the end before the begin", placed("[8,0]"), Code::kFormat, "[8, 0]"},
      {"the end past the file", placed("[0,8]", 7), Code::kFormat, "the 7 bytes of data"},
      {"both past the file", placed("[8,16]"), Code::kFormat, "[8, 16]"},
      {"2^63", placed("[9223372036854775808,9223372036854775816]"), Code::kFormat, "9223372036854775808"},
      {"2^64 - 8 to 0 when it wraps", placed("[18446744073709551608,0]"), Code::kFormat, "18446744073709551608"},
      {"2^64 - 1", placed("[0,18446744073709551615]"), Code::kFormat, "18446744073709551615"},
      {"2^64", placed("[0,18446744073709551616]"), Code::kFormat, "'t'"},
  });
}

TEST_CASE("data that is not covered exactly once is refused") {
  refuse_all({
      {"two tensors at one place", layout({{0, 4}, {0, 4}}, 4), Code::kFormat, "inside tensor 't0'"},
      {"two that overlap by a byte", layout({{0, 4}, {3, 8}}, 8), Code::kFormat, "'t1'"},
      {"one inside another", layout({{0, 8}, {2, 4}}, 8), Code::kFormat, "'t1'"},
      {"an empty one inside another", layout({{0, 8}, {4, 4}}, 8), Code::kFormat, "'t1'"},
      {"a hole in front", layout({{1, 8}}, 8), Code::kFormat, "hole"},
      {"a hole between two", layout({{0, 3}, {4, 8}}, 8), Code::kFormat, "'t1'"},
      {"an empty one behind a hole", layout({{0, 3}, {5, 5}}, 5), Code::kFormat, "'t1'"},
      {"bytes left over", layout({{0, 7}}, 8), Code::kFormat, "1 left over"},
      {"bytes without a tensor", with("{}", 1), Code::kFormat, "1 left over"},
      {"bytes behind metadata alone", with(R"({"__metadata__":{"a":"b"}})", 5), Code::kFormat, "5 left over"},
  });
}
