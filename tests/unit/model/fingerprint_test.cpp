// SPDX-License-Identifier: Apache-2.0
// What tells two checkpoints apart, and what a model says of its weights.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoints.hpp"
#include "support/catch.hpp"
#include "support/kernels.hpp"

using namespace moxie;
using test::Parts;
using test::WrittenTensor;

namespace {

std::uint64_t fingerprint_of(const Parts& parts, const ModelOptions& options = test::native(), std::size_t skew = 0) {
  return test::load(parts, options, skew).value().fingerprint();
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// At how many of a tensor's bytes, taken `step` apart, a change shows.
std::size_t places_seen(const Parts& parts, std::string_view name, std::size_t step) {
  const std::uint64_t good = fingerprint_of(parts);
  Parts changed = parts;
  std::vector<std::byte>& bytes = changed.tensor(name).bytes;
  std::size_t seen = 0;
  for (std::size_t i = 0; i < bytes.size(); i += step) {
    bytes[i] ^= std::byte{1};
    if (fingerprint_of(changed) != good) ++seen;
    bytes[i] ^= std::byte{1};
  }
  return seen;
}

}  // namespace

TEST_CASE("copies of a checkpoint have one fingerprint, however they are stored and loaded") {
  const Parts parts = Parts::of("biases");
  const std::uint64_t expected = Model::load(test::data_folder("biases"), test::native()).value().fingerprint();
  CHECK(fingerprint_of(parts) == expected);
  CHECK(fingerprint_of(parts, {}, 5) == expected);  // another path, another place in the file
  ModelOptions read = test::native();
  read.files.read = true;
  CHECK(fingerprint_of(parts, read) == expected);

  Parts turned = parts;
  std::reverse(turned.tensors.begin(), turned.tensors.end());
  CHECK(fingerprint_of(turned) == expected);

  const test::TemporaryFolder folder;
  test::write_file(folder / "config.json", parts.config);
  std::vector<std::vector<WrittenTensor>> shards(2);
  for (std::size_t i = 0; i < parts.tensors.size(); ++i) shards[i % 2].push_back(parts.tensors[i]);
  test::write_sharded(folder.path(), shards);
  CHECK(Model::load(folder.path(), test::native()).value().fingerprint() == expected);
}

TEST_CASE("a change of any name, shape, type, or field changes the fingerprint") {
  const Parts good = Parts::of("tiny_tied");
  std::set<std::uint64_t> seen = {fingerprint_of(good)};
  const auto differs = [&](const Parts& parts) { return seen.insert(fingerprint_of(parts)).second; };

  for (const auto& [field, value] : std::map<std::string, std::string>{{"num_experts_per_tok", "3"},
                                                                       {"norm_topk_prob", "false"},
                                                                       {"rms_norm_eps", "1e-05"},
                                                                       {"max_position_embeddings", "64"},
                                                                       {"bos_token_id", "2"}}) {
    Parts parts = good;
    parts.set(field, value);
    INFO(field);
    CHECK(differs(parts));
  }
  // Tensors that are not used are part of the checkpoint.
  const auto with = [&](WrittenTensor tensor) {
    Parts parts = good;
    parts.tensors.push_back(std::move(tensor));
    return parts;
  };
  const std::vector<std::byte> zeros(16);
  CHECK(differs(with({"extra", ElementType::kF32, {4}, zeros})));
  CHECK(differs(with({"extrb", ElementType::kF32, {4}, zeros})));
  CHECK(differs(with({"extra", ElementType::kI32, {4}, zeros})));
  CHECK(differs(with({"extra", ElementType::kF32, {2, 2}, zeros})));
  CHECK(differs(with({"extra", ElementType::kF32, {4, 1}, zeros})));
  CHECK(differs(with({"extra", ElementType::kF32, {1, 4}, zeros})));
  CHECK(differs(with({"extra", ElementType::kF32, {0, 4}, {}})));
  CHECK(differs(with({"extra", ElementType::kF32, {4, 0}, {}})));
  CHECK(differs(with({"extra", ElementType::kF32, {0}, {}})));
  // Two tensors whose bytes and names are those of one another.
  Parts swapped = good;
  std::swap(swapped.tensor("model.layers.0.mlp.experts.0.up_proj.weight").bytes,
            swapped.tensor("model.layers.0.mlp.experts.1.up_proj.weight").bytes);
  CHECK(differs(swapped));
}

TEST_CASE("a change of either end of any tensor changes the fingerprint") {
  const Parts good = Parts::of("tiny_tied");
  std::set<std::uint64_t> seen = {fingerprint_of(good)};
  for (std::size_t i = 0; i < good.tensors.size(); ++i) {
    for (const bool last : {false, true}) {
      Parts parts = good;
      std::byte& byte = last ? parts.tensors[i].bytes.back() : parts.tensors[i].bytes.front();
      byte ^= std::byte{1};
      INFO(parts.tensors[i].name);
      CHECK(seen.insert(fingerprint_of(parts)).second);
    }
  }
}

TEST_CASE("every byte of a small tensor is seen, and 64 bytes at 16 places of a large one") {
  const Parts odd = Parts::of("odd_widths");
  CHECK(places_seen(odd, "model.layers.0.self_attn.q_norm.weight", 1) == 40);  // 10 floats
  CHECK(places_seen(odd, "model.layers.0.input_layernorm.weight", 1) == 176);  // 44 floats, samples overlap
  const Parts tiny = Parts::of("tiny_tied");
  CHECK(places_seen(tiny, "model.layers.0.mlp.gate.weight", 8) == 1024 / 8);          // 16 * 64 exactly
  CHECK(places_seen(tiny, "model.layers.0.self_attn.k_proj.weight", 8) == 1024 / 8);  // of 2048
}

TEST_CASE("a model tells which implementation carries how many of its matrices") {
  struct Case {
    const char* folder;
    std::size_t matrices;  // by hand, from config.json
  };
  for (const Case& c : {Case{"tiny_tied", 2 * (4 + 1 + 8 * 3) + 1}, Case{"biases", 2 * (4 + 1 + 8 * 3) + 1},
                        Case{"mlp_only_layers", (4 + 3) + 2 * (4 + 1 + 8 * 3) + 1}}) {
    const Parts parts = Parts::of(c.folder);
    const Model model = test::load(parts).value();
    const std::vector<WeightPath> paths = model.weight_paths().value();
    REQUIRE(paths.size() == 1);
    INFO(paths[0].path);
    CHECK(paths[0].path == "native " + std::string(test::float_kernels(model.backend().isa())) + " f32");
    CHECK(paths[0].count == c.matrices);
    // Widths are padded to 16 columns; a tied head is the embedding once more.
    std::uint64_t bytes = 0;
    for (const WrittenTensor& tensor : parts.tensors) {
      const bool embedding = tensor.name == "model.embed_tokens.weight";
      if (tensor.dims.size() == 2 && (!embedding || std::string_view(c.folder) == "tiny_tied")) {
        bytes += (tensor.dims[0] + 15) / 16 * 16 * tensor.dims[1] * 4;
      }
    }
    CHECK(paths[0].bytes == bytes);
  }
  const Model reference =
      Model::load(test::data_folder("bf16"), {.backend = {.isa = {}, .matmul = MatmulPath::kReference}, .files = {}})
          .value();
  REQUIRE(reference.weight_paths().value().size() == 1);
  CHECK(reference.weight_paths().value()[0].path == "reference");
  const Model automatic = Model::load(test::data_folder("bf16")).value();
  std::size_t count = 0;
  const std::vector<WeightPath> paths = automatic.weight_paths().value();
  for (const WeightPath& path : paths) {
    CHECK(contains(path.path, "bf16"));
    count += path.count;
  }
  CHECK(count == reference.weight_paths().value()[0].count);
}
