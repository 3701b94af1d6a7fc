// SPDX-License-Identifier: Apache-2.0
// What reading costs in memory, counted at every allocation, and what happens where each of them fails.
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <limits>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/format/checkpoint.hpp>

#include "folder.hpp"
#include "format/json.hpp"
#include "format/safetensors.hpp"
#include "format/shard_index.hpp"
#include "gguf_split.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

constexpr long kNever = std::numeric_limits<long>::max();

std::atomic<std::size_t> live_bytes{0};
std::atomic<std::size_t> peak_bytes{0};
std::atomic<long> allocations_left{kNever};

void* allocate(std::size_t size, std::size_t alignment) noexcept {
  if (allocations_left.load() != kNever && allocations_left.fetch_sub(1) <= 0) return nullptr;
  // aligned_alloc wants a whole number of alignments.
  void* memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) return nullptr;
  const std::size_t live = live_bytes.fetch_add(::malloc_usable_size(memory)) + ::malloc_usable_size(memory);
  std::size_t peak = peak_bytes.load();
  while (peak < live && !peak_bytes.compare_exchange_weak(peak, live)) {
  }
  return memory;
}
void* allocate_or_throw(std::size_t size, std::size_t alignment) {
  void* memory = allocate(size == 0 ? 1 : size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void release(void* memory) noexcept {
  if (memory == nullptr) return;
  live_bytes.fetch_sub(::malloc_usable_size(memory));
  std::free(memory);
}
constexpr std::size_t kDefault = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

}  // namespace

void* operator new(std::size_t size) { return allocate_or_throw(size, kDefault); }
void* operator new[](std::size_t size) { return allocate_or_throw(size, kDefault); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, kDefault); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, kDefault); }
void* operator new(std::size_t size, std::align_val_t at) { return allocate_or_throw(size, std::size_t(at)); }
void* operator new[](std::size_t size, std::align_val_t at) { return allocate_or_throw(size, std::size_t(at)); }
void* operator new(std::size_t size, std::align_val_t at, const std::nothrow_t&) noexcept {
  return allocate(size, std::size_t(at));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { release(memory); }

namespace {

constexpr std::size_t kMiB = 1U << 20;

// The law of memory: 4 times the input and 16 MiB. `held`: whether the input, already counted in what is
// live, is part of the reader's own cost.
void check_cost(std::string_view what, std::size_t input, const std::function<void()>& read, std::size_t held) {
  const std::size_t before = live_bytes.load() - held;
  peak_bytes = live_bytes.load();
  read();
  const std::size_t cost = peak_bytes.load() - before;
  INFO(what << ": " << input << " bytes in, " << cost << " taken, " << double(cost) / double(input) << " times");
  CHECK(cost <= 4 * input + 16 * kMiB);
}

std::string repeated(std::size_t bytes, std::string_view first,
                     const std::function<void(std::string&, std::size_t)>& add, std::string_view last) {
  std::string text(first);
  for (std::size_t i = 0; text.size() < bytes; ++i) {
    if (i != 0) text += ',';
    add(text, i);
  }
  text += last;
  text.shrink_to_fit();
  return text;
}

// Short names that all differ.
void add_name(std::string& text, std::size_t i) {
  constexpr std::string_view kLetters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  text += '"';
  do text += kLetters[i % kLetters.size()];
  while ((i /= kLetters.size()) != 0);
  text += '"';
}

std::string smallest_tensors(std::size_t bytes) {
  return repeated(
      bytes, "{",
      [](std::string& text, std::size_t i) {
        add_name(text, i);
        text += R"(:{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
      },
      "}");
}

}  // namespace

TEST_CASE("a header, good or hostile, takes at most 4 times its size and 16 MiB") {
  constexpr std::size_t kSize = 8 * kMiB;
  const auto cost = [](std::string_view what, const std::string& header, bool good) {
    check_cost(
        what, header.size(), [&] { CHECK(format::parse_safetensors_header(header, 0, "file").ok() == good); },
        header.size());
  };
  cost("the smallest tensors", smallest_tensors(kSize), true);
  cost("scalars, whose bytes overlap",
       repeated(
           kSize, "{",
           [](std::string& text, std::size_t i) {
             add_name(text, i);
             text += R"(:{"dtype":"U8","shape":[],"data_offsets":[0,0]})";
           },
           "}"),
       false);
  cost("four dimensions",
       repeated(
           kSize, "{",
           [](std::string& text, std::size_t i) {
             add_name(text, i);
             text += R"(:{"dtype":"U8","shape":[0,0,0,0],"data_offsets":[0,0]})";
           },
           "}"),
       true);
  cost("long names",
       repeated(
           kSize, "{",
           [](std::string& text, std::size_t i) {
             text.append("\"").append(60'000, 'x').append(std::to_string(i));
             text += R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
           },
           "}"),
       true);
  cost("names of half a block",
       repeated(
           kSize, "{",
           [](std::string& text, std::size_t i) {
             text.append("\"").append(16'300, 'x').append(std::to_string(i));
             text += R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
           },
           "}"),
       true);
  cost("names full of brackets",
       repeated(
           kSize, "{",
           [](std::string& text, std::size_t i) {
             text.append("\"").append(1000, '{').append(std::to_string(i));
             text += R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
           },
           "}"),
       true);
  cost("objects where tensors should be fields",
       repeated(
           kSize, "{\"t\":[", [](std::string& text, std::size_t) { text += "{}"; }, "]}"),
       false);
  cost("metadata without end",
       repeated(
           kSize, R"({"__metadata__":{)",
           [](std::string& text, std::size_t i) {
             add_name(text, i);
             text += ":\"\"";
           },
           "}}"),
       false);
  cost("spaces between everything",
       repeated(
           kSize, "{",
           [](std::string& text, std::size_t i) {
             text.append(60'000, ' ');
             add_name(text, i);
             text += R"(:{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
           },
           "}"),
       true);
  cost("one endless string", joined({"{\"", std::string(kSize, 'x')}), false);
  cost("one endless number", joined({"{\"t\":", std::string(kSize, '1')}), false);
  cost("one endless depth", joined({"{\"t\":", std::string(kSize, '[')}), false);
}

TEST_CASE("an index takes at most 4 times its size and 16 MiB") {
  constexpr std::size_t kSize = 8 * kMiB;
  const auto cost = [](std::string_view what, const std::string& text, bool good) {
    check_cost(
        what, text.size(), [&] { CHECK(format::parse_shard_index(text, "file").ok() == good); }, text.size());
  };
  cost("the smallest entries",
       repeated(
           kSize, R"({"weight_map":{)",
           [](std::string& text, std::size_t i) {
             add_name(text, i);
             text += ":\"a.safetensors\"";
           },
           "}}"),
       true);
  cost("other keys",
       repeated(
           kSize, R"({"x":{)",
           [](std::string& text, std::size_t i) {
             add_name(text, i);
             text += ":0";
           },
           "}}"),
       false);
}

TEST_CASE("a JSON document takes at most 4 times its size and 16 MiB") {
  const auto cost = [](std::string_view what, const std::string& text, std::string_view wrong = "") {
    check_cost(
        what, text.size(),
        [&] {
          const Result<format::JsonDocument> document = format::JsonDocument::parse(text, {}, "file");
          CHECK(document.status().message().find(wrong) != std::string_view::npos);
          CHECK(document.ok() == wrong.empty());
        },
        text.size());
  };
  constexpr std::size_t kMany = 500'000;
  cost("small numbers", repeated(
                            kMany, "[", [](std::string& text, std::size_t) { text += '0'; }, "]"));
  cost("too many numbers",
       repeated(
           kMiB - 2, "[", [](std::string& text, std::size_t) { text += '0'; }, "]"),
       "values");
  cost("small objects", repeated(
                            kMany, "[", [](std::string& text, std::size_t) { text += "{}"; }, "]"));
  cost("one wide object", repeated(
                              kMany, "{",
                              [](std::string& text, std::size_t i) {
                                add_name(text, i);
                                text += ":0";
                              },
                              "}"));
  cost("long strings",
       repeated(
           kMiB - 70'000, "[",
           [](std::string& text, std::size_t) { text.append("\"").append(60'000, 'x').append("\""); }, "]"));
  // The parser shows control bytes as eight letters each in its own words about the mistake.
  cost("a mistake behind a long token", joined({"[\"", std::string(60'000, '\x7f'), "\n\"]"}), "JSON");
}

TEST_CASE("a whole checkpoint takes at most 4 times its metadata and 16 MiB, besides the data") {
  const ModelFolder folder;
  const std::string header = smallest_tensors(6 * kMiB);
  folder.put("s.safetensors", safetensors_file(header, ""));
  const Result<format::SafetensorsTable> table = format::parse_safetensors_header(header, 0, "file");
  REQUIRE(table.ok());
  std::string index = R"({"weight_map":{)";
  for (const format::TensorEntry& entry : table->entries) {
    index += joined({index.back() == '{' ? "" : ",", json_quoted(entry.name), ":\"s.safetensors\""});
  }
  index += "}}";
  folder.put("model.safetensors.index.json", index);
  for (const bool read : {false, true}) {
    LoadOptions options;
    options.read = read;
    check_cost(
        "open", header.size() + index.size(),
        [&] {
          const Result<Checkpoint> checkpoint = Checkpoint::open(folder.path(), options);
          INFO(checkpoint.status().message());
          REQUIRE(checkpoint.ok());
          CHECK(checkpoint->tensors().size() == table->entries.size());
        },
        0);
  }
}

TEST_CASE("a GGUF file takes at most 4 times its header and 16 MiB, besides the data") {
  const auto cost = [](std::string_view what, const GgufFile& file, bool good) {
    const TemporaryFolder folder;
    const std::size_t size = [&] {
      const std::string bytes = file.bytes();
      write_file(folder / "m.gguf", bytes);
      return bytes.size();
    }();
    check_cost(
        what, size,
        [&] {
          const Result<Checkpoint> checkpoint = Checkpoint::open(folder / "m.gguf");
          INFO(checkpoint.status().message());
          CHECK(checkpoint.ok() == good);
        },
        0);
  };
  constexpr std::size_t kMany = 1'000'000;
  const auto strings = [](std::size_t count, std::size_t length) {
    const std::string one = gguf_text(std::string(length, 'x'));
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += one;
    return gguf_array("a", GgufValue::kString, count, all);
  };
  GgufFile file;
  file.keys = {strings(kMany, 0)};
  cost("empty strings", file, true);
  std::string second = strings(1, 0);
  second.at(8) = 'b';  // another name
  file.keys = {strings(kMany, 3), second};
  cost("short strings", file, true);
  file.keys = {gguf_string("long", std::string(20 * kMiB, 'x'))};
  cost("one long string", file, true);
  file.keys = {gguf_array("n", GgufValue::kU8, 20 * kMiB, std::string(20 * kMiB, 'x'))};
  cost("one long array", file, true);
  file.keys.clear();
  for (std::size_t i = 0; i < (1U << 15); ++i) file.keys.push_back(gguf_strings(std::to_string(i), {}));
  cost("as many keys as there may be", file, true);
  file.keys.push_back(gguf_strings("more", {}));
  cost("more keys than there may be", file, false);
  file.keys.clear();
  file.alignment = 1;
  file.keys = {gguf_u32("general.alignment", 1)};
  for (std::size_t i = 0; i < (1U << 16); ++i) {
    file.tensors.push_back({std::to_string(i), ElementType::kI8, {}, std::vector<std::byte>(1)});
  }
  cost("as many tensors as there may be", file, true);
  file.tensors.push_back({"more", ElementType::kI8, {}, std::vector<std::byte>(1)});
  cost("more tensors than there may be", file, false);
  GgufFile lying;
  lying.keys = {gguf_array("a", GgufValue::kString, kMany, std::string(20 * kMiB, '\xff'))};
  cost("an array that is no array", lying, false);
}

TEST_CASE("wherever memory ends, opening gives an error and loses nothing") {
  const ModelFolder good;
  write_sharded(good.path(), std::vector<std::vector<WrittenTensor>>{{counting("a", ElementType::kF32, {2, 3})},
                                                                     {counting("b", ElementType::kU8, {9})}});
  const ModelFolder wrong;
  wrong.put("model.safetensors", safetensors_file(R"({"t":{"dtype":"F31"}})", ""));
  const ModelFolder broken;
  broken.put("model.safetensors", safetensors_file(R"({"t":{"dtype":tru}})", ""));
  const TemporaryFolder empty;
  const TemporaryFolder gguf;
  SplitFiles().write(gguf);
  const std::filesystem::path split = gguf / "m-00001-of-00003.gguf";
  struct Case {
    const std::filesystem::path& path;
    bool read;
    Code code;
  };
  for (const Case& each :
       {Case{good.path(), false, Code::kOk}, Case{good.path(), true, Code::kOk}, Case{split, false, Code::kOk},
        Case{split, true, Code::kOk}, Case{wrong.path(), false, Code::kFormat},
        Case{broken.path(), false, Code::kFormat}, Case{empty.path(), false, Code::kNotFound}}) {
    LoadOptions options;
    options.read = each.read;
    options.memory = Budget::create("weights", 1000);
    long refused = 0;
    for (long allowed = 0;; ++allowed) {
      const std::size_t before = live_bytes.load();
      Code code = Code::kInternal;
      bool finished = false;
      {
        allocations_left = allowed;
        const Result<Checkpoint> checkpoint = Checkpoint::open(each.path, options);
        finished = allocations_left.load() > 0;
        allocations_left = kNever;
        code = checkpoint.status().code();
      }
      const std::size_t after = live_bytes.load();
      INFO("after " << allowed << " allocations: " << name(code));
      CHECK(after == before);
      CHECK(options.memory->used() == 0);
      if (finished) {
        CHECK(code == each.code);
        break;
      }
      // The last allocation may be that of an error's words, without which it is still that error.
      CHECK((code == Code::kNoMemory || code == each.code));
      if (code == Code::kNoMemory) ++refused;
    }
    CHECK(refused >= 3);
  }
}
