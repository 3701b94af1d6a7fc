// SPDX-License-Identifier: Apache-2.0
// The root of a checkpoint: one for all forms of the same weights, another for any other bit, and the tree of
// docs/design/018-identity.md once more by hand.
#include <moxie/model/root.hpp>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <openssl/sha.h>

#include <moxie/backend/executors.hpp>
#include <moxie/model/pack.hpp>

#include "converted.hpp"
#include "gguf_parts.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

std::string root_of(const std::filesystem::path& path, Executor* executor = nullptr) {
  const Result<Digest> root = checkpoint_root(path, {.executor = executor});
  INFO(root.status().message());
  REQUIRE(root.ok());
  return hexadecimal(*root);
}

std::string root_of(const GgufParts& parts) {
  const TemporaryFolder folder;
  write_file(folder / "m.gguf", parts.bytes());
  return root_of(folder / "m.gguf");
}

WrittenTensor random_tensor(const std::string& name, ElementType type, std::vector<std::uint64_t> dims,
                            unsigned seed = 1) {
  std::uint64_t elements = 1;
  for (const std::uint64_t dim : dims) elements *= dim;
  std::vector<std::byte> bytes(elements / traits(type).block_elements * traits(type).block_bytes);
  std::mt19937 random(seed);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0xff);
  return {name, type, std::move(dims), std::move(bytes)};
}

/// A model, and beside it tensors that it does not use: of every type with tiles, in several matrices whose rows fill
/// no tile and no pair of blocks, and longer than a leaf.
GgufParts every_type() {
  GgufParts parts = GgufParts::of("gqa_6_heads_2_kv");
  for (const ElementType type :
       {ElementType::kQ4_0, ElementType::kQ4_1, ElementType::kQ5_0, ElementType::kQ5_1, ElementType::kQ8_0,
        ElementType::kIQ4_NL, ElementType::kMXFP4, ElementType::kBF16, ElementType::kF16}) {
    parts.tensors.push_back(random_tensor("odd_" + std::string(name(type)), type, {3, 37, 96}));
  }
  for (const ElementType type : {ElementType::kQ2_K, ElementType::kQ3_K, ElementType::kQ4_K, ElementType::kQ5_K,
                                 ElementType::kQ6_K, ElementType::kIQ4_XS}) {
    parts.tensors.push_back(random_tensor("odd_" + std::string(name(type)), type, {2, 83, 512}));
  }
  for (const ElementType type : {ElementType::kBF16, ElementType::kQ4_K, ElementType::kMXFP4, ElementType::kF32}) {
    const std::uint64_t rows = (9u << 20) / (1024 / traits(type).block_elements * traits(type).block_bytes);
    parts.tensors.push_back(random_tensor("long_" + std::string(name(type)), type, {rows + 1, 1024}));
  }
  return parts;
}

/// The parts in two files.
void write_split(const GgufParts& parts, const TemporaryFolder& folder) {
  std::vector<GgufFile> files(2);
  const auto n = static_cast<std::int32_t>(parts.tensors.size());
  for (std::uint16_t i = 0; i < 2; ++i) files[i].keys = split_keys(i, 2, n);
  for (const auto& [key, bytes] : parts.keys) files[0].keys.push_back(bytes);
  for (std::size_t i = 0; i < parts.tensors.size(); ++i) files[(i * 5 / 7) % 2].tensors.push_back(parts.tensors[i]);
  write_file(folder / "m-00001-of-00002.gguf", files[0].bytes());
  write_file(folder / "m-00002-of-00002.gguf", files[1].bytes());
}

// The format once more, from its description.

std::string sha(const std::string& bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}
std::string u64(std::uint64_t number) { return raw(number); }

std::string tensor_by_hand(const WrittenTensor& tensor) {
  const std::string bytes(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  std::string text = gguf_text("moxie.root-1 tensor") + gguf_text(tensor.name) + gguf_text(name(tensor.type)) +
                     u64(tensor.dims.size());
  for (const std::uint64_t dim : tensor.dims) text += u64(dim);
  text += u64(bytes.size());
  for (std::size_t at = 0; at < bytes.size(); at += 4194304) {
    text += sha(gguf_text("moxie.root-1 leaf") + bytes.substr(at, 4194304));
  }
  return sha(text);
}

std::string tensors_by_hand(std::vector<WrittenTensor> tensors) {
  std::ranges::sort(tensors, {}, &WrittenTensor::name);
  std::string text = u64(tensors.size());
  for (const WrittenTensor& tensor : tensors) text += tensor_by_hand(tensor);
  return text;
}

std::string hex(const std::string& digest) {
  Digest out;
  std::copy_n(reinterpret_cast<const std::byte*>(digest.data()), out.bytes.size(), out.bytes.data());
  return hexadecimal(out);
}

/// Of keys that are numbers and strings.
std::string root_by_hand(const GgufParts& parts) {
  std::string text = gguf_text("moxie.root-1 checkpoint") + gguf_text("gguf") + u64(parts.keys.size());
  for (const auto& [key, bytes] : parts.keys) {  // a std::map: ascending
    const std::string value = bytes.substr(8 + key.size() + 4);
    const auto type = static_cast<std::uint64_t>(bytes[8 + key.size()]);
    const bool string = type == 8;
    text += gguf_text(key) + u64(type) + u64(0) + u64(0) + (string ? value : gguf_text(value));
  }
  return hex(sha(text + tensors_by_hand(parts.tensors)));
}

void set_age(const std::filesystem::path& path, int seconds) {
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - std::chrono::seconds(seconds));
}

std::string read_all(const std::filesystem::path& path) {
  std::string bytes(std::filesystem::file_size(path), '\0');
  std::ifstream(path, std::ios::binary).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

std::string cached(const std::filesystem::path& path, HostCallbacks callbacks = {}) {
  const Result<Digest> root = cached_checkpoint_root(path, {.callbacks = std::move(callbacks)});
  INFO(root.status().message());
  REQUIRE(root.ok());
  return hexadecimal(*root);
}

}  // namespace

TEST_CASE("a root is the tree that its description says") {
  GgufParts parts = GgufParts::of("gqa_6_heads_2_kv");
  parts.tensors.push_back(random_tensor("long", ElementType::kBF16, {5001, 1024}));
  parts.tensors.push_back(random_tensor("exactly_a_leaf", ElementType::kF32, {1024, 1024}));
  parts.tensors.push_back(random_tensor("empty", ElementType::kF32, {0, 7}));
  CHECK(root_of(parts) == root_by_hand(parts));

  const Parts folder_parts = Parts::of("biases");
  const TemporaryFolder folder;
  folder_parts.write(folder.path());
  CHECK(root_of(folder.path()) == hex(sha(gguf_text("moxie.root-1 checkpoint") + gguf_text("safetensors") +
                                          gguf_text(folder_parts.config) + tensors_by_hand(folder_parts.tensors))));
}

TEST_CASE("one file, a split one, and a packed one have one root, at any number of threads") {
  const GgufParts parts = every_type();
  const TemporaryFolder folder;
  write_file(folder / "m.gguf", parts.bytes());
  write_split(parts, folder);
  REQUIRE(pack_gguf(folder / "m.gguf", folder / "packed.gguf").ok());
  REQUIRE(pack_gguf(folder / "m-00001-of-00002.gguf", folder / "packed_from_split.gguf").ok());
  const std::string expected = root_of(folder / "m.gguf");
  for (const char* file : {"m.gguf", "m-00001-of-00002.gguf", "packed.gguf", "packed_from_split.gguf"}) {
    INFO(file);
    CHECK(root_of(folder / file) == expected);
    for (const std::size_t threads : {1u, 2u, 4u}) {
      const auto executor = make_executor(ExecutorKind::kThreads, threads).value();
      CHECK(root_of(folder / file, executor.get()) == expected);
    }
    const Checkpoint read = Checkpoint::open(folder / file, {.read = true}).value();
    CHECK(hexadecimal(checkpoint_root(read).value()) == expected);
  }
}

TEST_CASE("packing keeps the root of every family, turned rows and tied heads too") {
  for (const std::string name : {"deepseek_v2_lite", "gpt_oss", "llama_biases", "mixtral", "qwen3", "tiny_tied"}) {
    const TemporaryFolder folder;
    REQUIRE(convert_to_gguf(data_folder(name), folder / "m.gguf", {.type = GgufFileType::kBF16}).ok());
    REQUIRE(pack_gguf(folder / "m.gguf", folder / "packed.gguf").ok());
    INFO(name);
    CHECK(root_of(folder / "packed.gguf") == root_of(folder / "m.gguf"));
  }
}

TEST_CASE("any bit of any tensor changes the root, where the fingerprint misses it too") {
  const GgufParts good = GgufParts::of("tiny_tied");
  const std::string expected = root_of(good);
  GgufParts changed = good;
  changed.tensor("blk.0.attn_k.weight").bytes[100] ^= std::byte{4};  // of 2048: between two samples
  CHECK(load(changed).value().fingerprint() == load(good).value().fingerprint());
  CHECK(root_of(changed) != expected);
  for (std::size_t i = 0; i < good.tensors.size(); ++i) {
    GgufParts parts = good;
    parts.tensors[i].bytes[parts.tensors[i].bytes.size() / 2] ^= std::byte{1};
    INFO(parts.tensors[i].name);
    CHECK(root_of(parts) != expected);
  }
  // In tiles too.
  const TemporaryFolder folder;
  GgufParts wide = good;
  wide.tensors.push_back(random_tensor("extra", ElementType::kQ4_K, {40, 512}));
  write_file(folder / "m.gguf", wide.bytes());
  REQUIRE(pack_gguf(folder / "m.gguf", folder / "packed.gguf").ok());
  std::string bytes = read_all(folder / "packed.gguf");
  const Checkpoint packed = Checkpoint::open(folder / "packed.gguf", {.read = true}).value();
  const auto extra = packed.find("extra").value().bytes;
  REQUIRE(packed.find("extra").value().tiled);
  const std::size_t at = bytes.find(std::string(reinterpret_cast<const char*>(extra.data()), 256));
  bytes[at + 9000] = static_cast<char>(bytes[at + 9000] ^ 16);
  write_file(folder / "changed.gguf", bytes);
  CHECK(root_of(folder / "changed.gguf") != root_of(folder / "packed.gguf"));
}

TEST_CASE("a name, a type, a shape, or a value of the configuration changes the root") {
  const GgufParts good = GgufParts::of("tiny_tied");
  std::vector<std::string> roots = {root_of(good)};
  const auto differs = [&](const GgufParts& parts) {
    const std::string root = root_of(parts);
    const bool fresh = std::ranges::find(roots, root) == roots.end();
    roots.push_back(root);
    return fresh;
  };
  GgufParts key = good;
  key.set("qwen3moe.context_length", gguf_u32("qwen3moe.context_length", 77));
  CHECK(differs(key));
  key.set("qwen3moe.context_length", gguf_key("qwen3moe.context_length", GgufValue::kU64, raw(std::uint64_t{77})));
  CHECK(differs(key));
  const auto with_words = [&](std::vector<std::string> words) {
    GgufParts parts = good;
    parts.set("words", gguf_strings("words", words));
    return parts;
  };
  CHECK(differs(with_words({"ab", "c"})));
  CHECK(differs(with_words({"a", "bc"})));
  const auto with = [&](WrittenTensor tensor) {
    GgufParts parts = good;
    parts.tensors.push_back(std::move(tensor));
    return parts;
  };
  const std::vector<std::byte> zeros(16);
  CHECK(differs(with({"extra", ElementType::kF32, {4}, zeros})));
  CHECK(differs(with({"extrb", ElementType::kF32, {4}, zeros})));
  CHECK(differs(with({"extra", ElementType::kI32, {4}, zeros})));
  CHECK(differs(with({"extra", ElementType::kF32, {2, 2}, zeros})));
  CHECK(differs(with({"extra", ElementType::kF32, {4, 1}, zeros})));
  CHECK(differs(with({"extra", ElementType::kF32, {0, 4}, {}})));
  // Where the file puts things is not in it.
  GgufParts laid_out = good;
  laid_out.set("general.alignment", gguf_u32("general.alignment", 32));
  std::ranges::reverse(laid_out.tensors);
  CHECK(root_of(laid_out) == roots[0]);
}

TEST_CASE("a head is left out where it is the embedding once more, and only there") {
  const GgufParts tied = GgufParts::of("tiny_tied");
  GgufParts repeated = tied;
  WrittenTensor head = tied.tensors[0];
  for (const WrittenTensor& tensor : tied.tensors) {
    if (tensor.name == "token_embd.weight") head = tensor;
  }
  head.name = "output.weight";
  repeated.tensors.push_back(head);
  CHECK(root_of(repeated) == root_of(tied));
  repeated.tensors.back().bytes.back() ^= std::byte{1};
  CHECK(root_of(repeated) != root_of(tied));
}

TEST_CASE("hashing reports its progress in bytes and can be stopped") {
  const TemporaryFolder folder;
  write_file(folder / "m.gguf", every_type().bytes());
  const Checkpoint checkpoint = Checkpoint::open(folder / "m.gguf").value();
  std::vector<Progress> seen;
  HostCallbacks callbacks;
  callbacks.on_progress = [&](const Progress& progress) {
    seen.push_back(progress);
    return true;
  };
  REQUIRE(checkpoint_root(checkpoint, {.callbacks = callbacks}).ok());
  REQUIRE(seen.size() > 2);
  CHECK(seen.back().total == checkpoint.bytes());
  CHECK(seen.back().done == seen.back().total);
  callbacks.on_progress = [](const Progress& progress) { return progress.done == 0; };
  CHECK(checkpoint_root(checkpoint, {.callbacks = callbacks}).status().code() == Code::kCancelled);
  CHECK(checkpoint_root(folder / "none.gguf").status().code() == Code::kNotFound);
}

TEST_CASE("a root that is kept is used while the file is as it was, and made anew after any change") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "m.gguf", cache = folder / "m.gguf.root";
  GgufParts parts = GgufParts::of("tiny_tied");
  write_file(path, parts.bytes());
  const std::string first = root_of(path);
  CHECK(cached(path) == first);
  CHECK_FALSE(std::filesystem::exists(cache));  // a file of this very moment may change and look the same
  set_age(path, 100);
  CHECK(cached(path) == first);
  REQUIRE(std::filesystem::exists(cache));
  const std::string kept = read_all(cache);
  CHECK(kept.find(first) != std::string::npos);

  // It is read: a false one shows, and only where the caller asked for it.
  const std::string lie(64, 'a');
  write_file(cache, kept.substr(0, kept.size() - 65) + lie + "\n");
  CHECK(cached(path) == lie);
  CHECK(root_of(path) == first);

  set_age(path, 200);  // touched
  CHECK(cached(path) == first);
  CHECK(read_all(cache) != kept);

  parts.tensor("blk.0.attn_k.weight").bytes[100] ^= std::byte{4};  // the fingerprint is the same
  write_file(path, parts.bytes());
  set_age(path, 300);
  const std::string second = cached(path);
  CHECK(second != first);
  CHECK(second == root_of(path));

  for (const std::string& broken : {std::string(), std::string("moxie.root-1\n"), read_all(cache) + "x",
                                    read_all(cache).substr(0, read_all(cache).size() - 3) + "zz\n"}) {
    write_file(cache, broken);
    CHECK(cached(path) == second);
    CHECK(read_all(cache).find(second) != std::string::npos);
  }
}

TEST_CASE("where a root cannot be kept, the log says so and the root is good") {
  const TemporaryFolder folder;
  write_file(folder / "m.gguf", GgufParts::of("tiny_tied").bytes());
  set_age(folder / "m.gguf", 100);
  std::filesystem::create_directory(folder / "m.gguf.root");  // no file can have that name
  std::vector<std::string> lines;
  HostCallbacks callbacks;
  callbacks.on_log = [&](LogLevel, std::string_view line) { lines.emplace_back(line); };
  CHECK(cached(folder / "m.gguf", callbacks) == root_of(folder / "m.gguf"));
  CHECK(lines.size() == 1);
}

TEST_CASE("a folder keeps its root inside, whatever its shards") {
  const Parts parts = Parts::of("biases");
  const TemporaryFolder folder;
  parts.write(folder.path());
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) set_age(entry.path(), 100);
  const std::string root = cached(folder.path());
  CHECK(root == root_of(folder.path()));
  REQUIRE(std::filesystem::exists(folder / "moxie.root"));
  Parts changed = parts;
  changed.set("bos_token_id", "2");
  write_file(folder / "config.json", changed.config);  // its state is the fingerprint's business
  CHECK(cached(folder.path()) != root);
}
