// SPDX-License-Identifier: Apache-2.0
// Packed files: the same bits as the file that they were made of, and what must be refused.
#include <moxie/model/pack.hpp>

#include <fstream>
#include <string>
#include <vector>

#include <moxie/backend/executors.hpp>
#include <moxie/backend/quant.hpp>
#include <moxie/format/checkpoint.hpp>

#include "gguf_parts.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

/// A checkpoint whose matrices have another type, or F16 where their rows do not come in its blocks.
GgufParts with_type(std::string_view name, ElementType wanted) {
  GgufParts parts = GgufParts::of(name);
  for (WrittenTensor& tensor : parts.tensors) {
    if (tensor.dims.size() == 1 || tensor.name.ends_with("ffn_gate_inp.weight")) continue;
    const ElementType type = tensor.dims.back() % traits(wanted).block_elements == 0 ? wanted : ElementType::kF16;
    std::vector<float> values(tensor.bytes.size() / size_of(tensor.type) * traits(tensor.type).block_elements);
    REQUIRE(dequantize(tensor.type, tensor.bytes, values).ok());
    tensor.bytes.resize(values.size() / traits(type).block_elements * traits(type).block_bytes);
    REQUIRE(quantize(type, values, tensor.bytes).ok());
    tensor.type = type;
  }
  return parts;
}

/// What Linux keeps of the advice for a mapped file, as /proc/self/smaps shows it: " rd mr mw me hg ".
std::string mapping_flags(const std::filesystem::path& path) {
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find(path.filename().string()) != std::string::npos) inside = true;
    if (inside && line.starts_with("VmFlags:")) return line.substr(8) + " ";
  }
  return {};
}

std::string read_all(const std::filesystem::path& path) {
  std::string bytes(std::filesystem::file_size(path), '\0');
  std::ifstream(path, std::ios::binary).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

}  // namespace

TEST_CASE("a packed file gives the bits of the file that it was made of, mapped and read") {
  const auto executor = make_executor(ExecutorKind::kThreads, 3).value();
  for (const std::string name : {"tiny_tied", "gqa_6_heads_2_kv", "odd_widths", "top_all"}) {
    for (const ElementType type : {ElementType::kBF16, ElementType::kF16, ElementType::kQ8_0, ElementType::kQ5_1}) {
      const TemporaryFolder folder;
      write_file(folder / "m.gguf", with_type(name, type).bytes());
      const Status packed = pack_gguf(folder / "m.gguf", folder / "packed.gguf");
      INFO(name << ", " << moxie::name(type) << ": " << packed.message());
      REQUIRE(packed.ok());
      REQUIRE(pack_gguf(folder / "m.gguf", folder / "threads.gguf", {.executor = executor.get()}).ok());
      CHECK(read_all(folder / "packed.gguf") == read_all(folder / "threads.gguf"));
      const Model plain = Model::load(folder / "m.gguf", native()).value();
      for (const bool read : {false, true}) {
        ModelOptions options = native();
        options.files.read = read;
        options.executor = executor.get();
        const Result<Model> model = Model::load(folder / "packed.gguf", options);
        INFO(model.status().message());
        REQUIRE(model.ok());
        CHECK(same_bits(logits(*model).value(), logits(plain).value()));
        CHECK(same_bits(logits(Model::load(folder / "m.gguf", options).value()).value(), logits(plain).value()));
      }
    }
  }
}

TEST_CASE("a packed file says what it is") {
  const TemporaryFolder folder;
  write_file(folder / "m.gguf", with_type("gqa_6_heads_2_kv", ElementType::kQ8_0).bytes());
  REQUIRE(pack_gguf(folder / "m.gguf", folder / "packed.gguf").ok());
  const Checkpoint checkpoint = Checkpoint::open(folder / "packed.gguf").value();
  CHECK(checkpoint.metadata().find("moxie.layout").as_string() == "tiles16-1");
  CHECK(checkpoint.metadata().find("general.alignment").as_u64() == 64u);
  std::size_t tiled = 0;
  for (const Tensor& tensor : checkpoint.tensors()) {
    tiled += tensor.tiled ? 1 : 0;
    CHECK(reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) % 64 == 0);
    CHECK_FALSE((tensor.tiled && tensor.name == "token_embd.weight"));
  }
  CHECK(tiled > 0);
}

TEST_CASE("packing refuses a packed file and other checkpoints, and leaves what was there") {
  const TemporaryFolder folder;
  write_file(folder / "m.gguf", with_type("gqa_6_heads_2_kv", ElementType::kQ8_0).bytes());
  REQUIRE(pack_gguf(folder / "m.gguf", folder / "packed.gguf").ok());
  const std::string before = read_all(folder / "packed.gguf");
  CHECK(pack_gguf(folder / "packed.gguf", folder / "packed.gguf").code() == Code::kUnsupported);
  CHECK(pack_gguf(data_folder("tiny_tied"), folder / "packed.gguf").code() == Code::kUnsupported);
  CHECK(pack_gguf(folder / "none.gguf", folder / "packed.gguf").code() == Code::kNotFound);
  CHECK(read_all(folder / "packed.gguf") == before);
}

TEST_CASE("a layout that this version does not know is refused by name, and so are tiles that no type has") {
  const TemporaryFolder folder;
  GgufParts parts = with_type("gqa_6_heads_2_kv", ElementType::kQ8_0);
  parts.set("moxie.layout", gguf_string("moxie.layout", "tiles32-9"));
  const Status unknown = load(parts).status();
  CHECK(unknown.code() == Code::kUnsupported);
  CHECK(unknown.message().find("tiles16-1") != std::string_view::npos);
  CHECK(unknown.message().find("tiles32-9") != std::string_view::npos);

  write_file(folder / "m.gguf", with_type("gqa_6_heads_2_kv", ElementType::kF16).bytes());
  REQUIRE(pack_gguf(folder / "m.gguf", folder / "packed.gguf").ok());
  const std::string good = read_all(folder / "packed.gguf");
  const std::size_t at = good.find("blk.0.attn_q.weight") + 19 + 4 + 16;  // behind name, rank and two dimensions
  const auto with = [&](std::size_t where, std::uint32_t number) {
    std::string bytes = good;
    bytes.replace(where, 4, raw(number));
    write_file(folder / "bad.gguf", bytes);
    return Checkpoint::open(folder / "bad.gguf").status().code();
  };
  CHECK(with(at, 0x6d780000 + 1) == Code::kOk);           // F16, as it was
  CHECK(with(at, 0x6d780000) == Code::kFormat);           // F32 has no tiles
  CHECK(with(at, 0x6d780000 + 24) == Code::kFormat);      // nor has I8
  CHECK(with(at, 0x6d780000 + 4) == Code::kUnsupported);  // no type
  CHECK(with(at, 0x6d790000 + 1) == Code::kUnsupported);  // another's number
  const std::size_t vector = good.find("output_norm.weight") + 18 + 4 + 8;
  CHECK(with(vector, 0x6d780000 + 30) == Code::kFormat);  // a vector has no tiles
}

TEST_CASE("a packed file is wanted in huge pages before anything in it is read, another one is not") {
  if (!std::filesystem::exists("/sys/kernel/mm/transparent_hugepage")) {
    WARN("skipped: a system without huge pages");
    return;
  }
  const TemporaryFolder folder;
  write_file(folder / "plain.gguf", with_type("gqa_6_heads_2_kv", ElementType::kF16).bytes());
  REQUIRE(pack_gguf(folder / "plain.gguf", folder / "packed.gguf").ok());
  const Checkpoint plain = Checkpoint::open(folder / "plain.gguf").value();
  CHECK(mapping_flags(folder / "plain.gguf").find(" nh ") != std::string::npos);
  const Checkpoint packed = Checkpoint::open(folder / "packed.gguf").value();
  CHECK(mapping_flags(folder / "packed.gguf").find(" hg ") != std::string::npos);
}
