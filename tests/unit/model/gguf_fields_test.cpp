// SPDX-License-Identifier: Apache-2.0
// Each key and each field of each tensor of a model's GGUF file in turn, with everything that it might hold instead:
// what comes is a typed error that names its place, or a model that runs.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "gguf_parts.hpp"
#include "support/catch.hpp"
#include "support/hostile_values.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

bool is_refusal(Code code) {
  return code == Code::kFormat || code == Code::kUnsupported || code == Code::kNotFound || code == Code::kNoMemory;
}

bool names(const Status& status, std::string_view what) {
  return status.message().find(what) != std::string_view::npos;
}

/// The lines of the list of tensors, taken apart.
struct Line {
  std::string name;
  std::vector<std::uint64_t> dims;  ///< innermost first
  std::uint32_t type;
  std::uint64_t offset;

  [[nodiscard]] std::string bytes() const { return gguf_tensor(name, dims, type, offset); }
};

std::vector<Line> lines_of(const GgufParts& parts) {
  std::vector<Line> lines;
  std::uint64_t offset = 0;
  for (const WrittenTensor& tensor : parts.tensors) {
    lines.push_back({tensor.name, {tensor.dims.rbegin(), tensor.dims.rend()}, gguf_type_number(tensor.type), offset});
    offset = (offset + tensor.bytes.size() + 31) / 32 * 32;
  }
  return lines;
}

/// Whether a tensor of that type is a good one in the same place: a norm in half floats, where padding takes the rest.
bool fits(const Line& line, std::uint32_t type) {
  const bool half = type == gguf_type_number(ElementType::kF16) || type == gguf_type_number(ElementType::kBF16);
  return half && line.type == 0 && line.dims.size() == 1 && line.dims[0] * 4 <= 32;
}

/// A good file whose keys and lines can be others; the data behind them stays.
class ModelFile {
 public:
  explicit ModelFile(const GgufParts& parts) : keys_(parts.keys), lines_(lines_of(parts)) {
    const std::string whole = GgufFile{.tensors = parts.tensors}.bytes();
    const WrittenTensor& last = parts.tensors.back();
    data_ = whole.substr(whole.size() - lines_.back().offset - last.bytes.size());
  }
  [[nodiscard]] const std::map<std::string, std::string>& keys() const { return keys_; }
  [[nodiscard]] const std::vector<Line>& lines() const { return lines_; }

  Result<Model> load() const { return load(keys_, lines_.size(), ""); }
  /// With `bytes` for that key.
  Result<Model> load_with_key(const std::string& key, const std::string& bytes) const {
    std::map<std::string, std::string> keys = keys_;
    keys[key] = bytes;
    return load(keys, lines_.size(), "");
  }
  /// With `bytes` for that line.
  Result<Model> load_with_line(std::size_t index, const std::string& bytes) const { return load(keys_, index, bytes); }

 private:
  Result<Model> load(const std::map<std::string, std::string>& keys, std::size_t index, const std::string& line) const {
    GgufFile header;
    for (const auto& [key, bytes] : keys) header.keys.push_back(bytes);
    header.n_tensors = lines_.size();
    for (std::size_t i = 0; i < lines_.size(); ++i) header.extra_tensors += i == index ? line : lines_[i].bytes();
    // A file that is cut and written again is brought to the disk by some file systems: a new one is not.
    std::filesystem::remove(path_);
    std::ofstream out(path_, std::ios::binary);
    out << header.bytes() << data_;
    out.close();
    if (!out) throw std::runtime_error("cannot write " + path_.string());
    return Model::load(path_, native());
  }

  std::map<std::string, std::string> keys_;
  std::vector<Line> lines_;
  std::string data_;
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "m.gguf";
};

}  // namespace

TEST_CASE("each key that a model looks at, with every kind of value, is refused by its name or harmless") {
  const ModelFile file(GgufParts::of("top_1"));
  std::vector<std::string> keys;
  for (const auto& [key, value] : file.keys()) keys.push_back(key);
  for (const char* key :
       {"general.alignment", "split.no", "split.count", "split.tensors.count", "moxie.layout", "tokenizer.ggml.tokens",
        "qwen3moe.vocab_size", "qwen3moe.rope.dimension_count", "qwen3moe.rope.scaling.type",
        "qwen3moe.rope.scaling.factor", "qwen3moe.rope.dimension_sections", "qwen3moe.attention.sliding_window",
        "qwen3moe.expert_shared_count", "qwen3moe.expert_gating_func", "qwen3moe.expert_weights_scale",
        "qwen3moe.expert_weights_norm", "qwen3moe.leading_dense_block_count"}) {
    keys.emplace_back(key);
  }
  const std::vector<HostileValue> values = hostile_values();
  std::size_t refused = 0;
  std::size_t loaded = 0;
  for (const std::string& key : keys) {
    std::size_t ran = 0;
    for (const HostileValue& value : values) {
      const Result<Model> model = file.load_with_key(key, gguf_key(key, value.type, value.bytes));
      if (model.ok()) {
        ++loaded;
        // The first few of those that change nothing stand for the others.
        if (++ran < 4 && !logits(*model).ok()) FAIL_CHECK(key << ", " << value.what << ": a model that does not run");
        continue;
      }
      ++refused;
      const Status& status = model.status();
      // Where a value runs on into the keys behind it, one of them may be at fault; a model's size may miss a tensor.
      if (!is_refusal(status.code())) FAIL_CHECK(key << ", " << value.what << ": " << status.message());
      if (!names(status, "m.gguf") && !names(status, "qwen3moe.") && !names(status, "blk.") &&
          !names(status, ".weight") && !names(status, "moxie.layout") && !names(status, "general.architecture")) {
        FAIL_CHECK(key << ", " << value.what << ": names no place: " << status.message());
      }
    }
  }
  CHECK(refused > 2000);
  CHECK(loaded > 100);
}

TEST_CASE("each key twice, without a name, or with a length that is none is refused") {
  const ModelFile file(GgufParts::of("top_1"));
  REQUIRE(file.load().ok());
  for (const auto& [key, value] : file.keys()) {
    INFO(key);
    const Status twice = file.load_with_key("again", value).status();
    CHECK(twice.code() == Code::kFormat);
    CHECK(names(twice, key));
    const std::string rest = value.substr(8 + key.size());
    CHECK(file.load_with_key(key, raw(std::uint64_t{0}) + rest).status().code() == Code::kFormat);
    for (const std::uint64_t size : kHostileSizes) {
      const Status status = file.load_with_key(key, raw(size) + value.substr(8)).status();
      if (!is_refusal(status.code())) FAIL_CHECK("length " << size << ": " << status.message());
    }
  }
}

TEST_CASE("each field of each tensor, with every size and type that it must not have, is refused") {
  const ModelFile file(GgufParts::of("top_1"));
  const auto refuse = [&](std::size_t index, const std::string& line, const std::string& what) {
    const Status status = file.load_with_line(index, line).status();
    if (!is_refusal(status.code())) {
      FAIL_CHECK(file.lines()[index].name << ", " << what << ": " << (status.ok() ? "loaded" : status.message()));
    }
  };
  for (std::size_t i = 0; i < file.lines().size(); ++i) {
    const Line& line = file.lines()[i];
    const auto changed = [&](auto change) {
      Line other = line;
      change(other);
      return other.bytes();
    };
    for (const std::uint64_t size : kHostileSizes) {
      const std::string text = std::to_string(size);
      if (size != line.name.size()) refuse(i, raw(size) + line.bytes().substr(8), "a name of length " + text);
      for (std::size_t d = 0; d < line.dims.size(); ++d) {
        if (size == line.dims[d]) continue;
        refuse(i, changed([&](Line& l) { l.dims[d] = size; }), "dimension " + std::to_string(d) + " " + text);
        // The same number again where the upper half is lost, or the product overflows to it.
        refuse(i, changed([&](Line& l) { l.dims[d] += 1ULL << 32; }), "dimension + 2^32");
        refuse(i, changed([&](Line& l) { l.dims[d] += 1ULL << 63; }), "dimension + 2^63");
      }
      if (size != line.offset) refuse(i, changed([&](Line& l) { l.offset = size; }), "offset " + text);
    }
    for (const std::uint64_t step : {1ULL, 4ULL, 31ULL, 32ULL, 33ULL, 64ULL}) {
      refuse(i, changed([&](Line& l) { l.offset += step; }), "a later offset");
      refuse(i, changed([&](Line& l) { l.offset -= step; }), "an earlier offset");
    }
    for (const std::uint64_t far : {1ULL << 32, 1ULL << 63}) {
      refuse(i, changed([&](Line& l) { l.offset += far; }), "an offset whose upper bits are lost");
    }
    for (std::uint32_t type = 0; type < 48; ++type) {
      if (type != line.type && !fits(line, type))
        refuse(i, changed([&](Line& l) { l.type = type; }), "type " + std::to_string(type));
    }
    for (const std::uint32_t type : {256U, 1U << 31, UINT32_MAX, line.type + (1U << 16)}) {
      refuse(i, changed([&](Line& l) { l.type = type; }), "type " + std::to_string(type));
    }
    // Numbers of moxie's own tiles, in a file that says nothing of them.
    for (std::uint32_t type = 0; type < 32; ++type) {
      refuse(i, changed([&](Line& l) { l.type = 0x6d780000U + type; }), "tiles of type " + std::to_string(type));
    }
    for (const std::uint32_t rank : {0U, 1U, 2U, 3U, 4U, 5U, 255U, 256U, 1U << 31, UINT32_MAX}) {
      if (rank == line.dims.size()) continue;
      std::string bytes = line.bytes();
      bytes.replace(8 + line.name.size(), 4, raw(rank));
      refuse(i, bytes, "a rank over the same bytes");
      if (rank > 5) continue;
      // As many dimensions as it says: ones, or the whole number in one.
      refuse(i, changed([&](Line& l) {
               std::uint64_t all = 1;
               for (const std::uint64_t dim : l.dims) all *= dim;
               l.dims.assign(rank, 1);
               if (rank > 0) l.dims[0] = all;
             }),
             "rank " + std::to_string(rank));
    }
    refuse(i, changed([&](Line& l) { l.name = file.lines()[(i + 1) % file.lines().size()].name; }), "another's name");
    refuse(i, changed([&](Line& l) { l.name = ""; }), "no name");
  }
}

TEST_CASE("NaN, infinite, zero and extreme numbers in each tensor in turn give a model that answers or says why not") {
  const GgufParts good = GgufParts::of("top_1");
  for (std::size_t i = 0; i < good.tensors.size(); ++i) {
    for (const float value : {0.0f, -0.0f, 1e-45f, 3.4e38f, -3.4e38f, INFINITY, -INFINITY, NAN}) {
      GgufParts parts = good;
      std::vector<std::byte>& bytes = parts.tensors[i].bytes;
      for (std::size_t at = 0; at + 4 <= bytes.size(); at += 4) std::memcpy(bytes.data() + at, &value, 4);
      INFO(parts.tensors[i].name << " of " << value);
      const Result<Model> model = load(parts);
      if (!model.ok()) {
        CHECK(is_refusal(model.status().code()));
        continue;
      }
      const auto answer = logits(*model);
      CHECK((answer.ok() || answer.status().code() == Code::kInvalidArgument));
    }
  }
}
