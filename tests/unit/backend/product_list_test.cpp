// SPDX-License-Identifier: Apache-2.0
// The list of product implementations and the filters on it: every level of instructions and every entry is made to run
// where this machine can, and says its own name. What it cannot run is counted.

#include <algorithm>
#include <string>
#include <vector>

#include "backend/access.hpp"
#include "backend/cpu/ops.hpp"
#include "backend/product_list.hpp"
#include "support/catch.hpp"
#include "support/kernels.hpp"
#include "unit/backend/linear_paths.hpp"

using namespace moxie;
using namespace moxie::test;
using backend::ProductImplementation;

namespace {

constexpr std::size_t kIn = 256, kOut = 64;

std::vector<ElementType> types_of(backend::TypeSet set) {
  std::vector<ElementType> types;
  for (std::size_t i = 0; i < std::size(moxie::detail::kElementTraits); ++i) {
    if ((set & backend::set_of(static_cast<ElementType>(i))) != 0) types.push_back(static_cast<ElementType>(i));
  }
  return types;
}

/// Zeros, which are valid weights of every type, in rows or in tiles.
struct Zeros {
  std::vector<std::byte> bytes;
  Weights view;

  Zeros(ElementType type, bool tiled)
      : bytes(tiled ? kOut / 16 * tile_bytes(type, kIn) : kIn / traits(type).block_elements * size_of(type) * kOut),
        view{.data = bytes.data(), .type = type, .out_width = kOut, .in_width = kIn, .tiled = tiled} {}
};

Result<Linear> create(const BackendOptions& options, const Weights& weights) {
  auto backend = Backend::create(options);
  if (!backend.ok()) return backend.status();
  return Linear::create(*backend, weights);
}

std::string path_of(const Backend& backend, ElementType type) {
  return std::string(Linear::create(backend, Zeros(type, false).view).value().path());
}

}  // namespace

TEST_CASE("every level that this CPU has can be forced, and its own kernels run") {
  std::size_t skipped = 0;
  for (const Isa isa : kIsas) {
    INFO(name(isa));
    const auto made = Backend::create({.isa = isa, .matmul = MatmulPath::kNative});
    if (!made.ok()) {
      REQUIRE(made.status().code() == Code::kUnsupported);
      WARN("skipped " << name(isa) << ": " << made.status().message());
      ++skipped;
      continue;
    }
    const std::string floats = "native " + std::string(float_kernels(isa)) + " ";
    const std::string blocks = "native " + std::string(quant_kernels(isa)) + " ";
    CHECK(BackendAccess::ops(*made).isa == float_kernels(isa));
    CHECK(path_of(*made, ElementType::kF32) == floats + "f32");
    CHECK(path_of(*made, ElementType::kBF16) == floats + "bf16");
    CHECK(path_of(*made, ElementType::kF16) == floats + "f16");
    CHECK(path_of(*made, ElementType::kQ4_K) == blocks + "Q4_K");
    CHECK(path_of(*made, ElementType::kMXFP4) == blocks + "MXFP4");
    // Blocks have no other implementation, so auto runs the same.
    CHECK(path_of(Backend::create({.isa = isa}).value(), ElementType::kQ8_0) == blocks + "Q8_0");
  }
  CHECK(skipped < std::size(kIsas));  // plain C++ always runs
}

TEST_CASE("every implementation of the list runs where it is the best allowed, and is what path() names") {
  std::size_t ran = 0, skipped = 0;
  for (const ProductImplementation& entry : backend::product_list()) {
    BackendOptions options{.isa = entry.isa, .matmul = entry.path};
    if (entry.path == MatmulPath::kOneDnn) options.isa.reset();  // its limit is the process's
    for (const bool tiled : {false, true}) {
      for (const ElementType type : types_of(tiled ? entry.tiled : entry.types)) {
        const Zeros weights(type, tiled);
        const auto linear = create(options, weights.view);
        INFO(entry.name << ", " << name(type) << (tiled ? " in tiles: " : ": ") << linear.status().message());
        if (linear.status().code() == Code::kUnsupported) {  // the CPU, the build, or oneDNN's probe
          if (++skipped % 16 == 1) WARN("skipped " << entry.name << ": " << linear.status().message());
          continue;
        }
        REQUIRE(linear.ok());
        CHECK(starts_with(linear->path(), entry.name));
        ++ran;
      }
    }
  }
  WARN("ran " << ran << " pairs of implementation and type, skipped " << skipped);
  CHECK(ran >= 60);  // in plain C++ alone: 3 float types twice, 2 in tiles; 13 of blocks twice, in rows and in tiles
}

TEST_CASE("the list goes from the best to the reference") {
  const auto list = backend::product_list();
  REQUIRE(!list.empty());
  CHECK(list.back().name == "reference");
  for (std::size_t i = 0; i < list.size(); ++i) {
    INFO(i << ": " << list[i].name);
    CHECK(list[i].create != nullptr);
    CHECK((list[i].tiled & ~list[i].types) == 0);
    // An entry behind another is reached for some weights: it needs less, or takes more.
    for (std::size_t j = 0; j < i; ++j) {
      const bool hidden = list[j].path == list[i].path && list[j].isa <= list[i].isa &&
                          (list[i].types & ~list[j].types) == 0 && (list[i].tiled & ~list[j].tiled) == 0;
      CHECK_FALSE(hidden);
    }
  }
  // Whatever the CPU and the build: each type that anything takes has kernels and a reference in plain C++.
  backend::TypeSet all = 0, native = 0, reference = 0;
  for (const ProductImplementation& entry : list) {
    all |= entry.types;
    if (entry.isa == Isa::kPortable && entry.path == MatmulPath::kNative) native |= entry.types;
    if (entry.isa == Isa::kPortable && entry.path == MatmulPath::kReference) reference |= entry.types;
  }
  CHECK(native == all);
  CHECK(reference == all);
}

TEST_CASE("a path that takes no such weights says which it takes") {
  const auto refusal = [](MatmulPath path, ElementType type, bool tiled) {
    const Zeros weights(type, tiled && has_tiles(type));
    Weights view = weights.view;
    view.tiled = tiled;
    const Status status = create({.isa = Isa::kPortable, .matmul = path}, view).status();
    CHECK(status.code() == Code::kUnsupported);
    return std::string(status.message());
  };
  CHECK(contains(refusal(MatmulPath::kAuto, ElementType::kI8, false),
                 "weights of F32, BF16, F16 or a block-quantized type for the path auto, came I8"));
  CHECK(contains(refusal(MatmulPath::kNative, ElementType::kF32, true),
                 "tiles of BF16, F16 or a block-quantized type for the path native, came tiles of F32"));
  CHECK(contains(refusal(MatmulPath::kReference, ElementType::kBF16, true),
                 "tiles of a block-quantized type for the path reference, came tiles of BF16"));
  if (!build_has_onednn()) return;
  const Backend onednn = Backend::create({.matmul = MatmulPath::kOneDnn}).value();
  const Status rows = Linear::create(onednn, Zeros(ElementType::kQ4_K, false).view).status();
  CHECK(contains(rows.message(), "weights of F32 or BF16 for the path onednn, came Q4_K"));
  const Status tiles = Linear::create(onednn, Zeros(ElementType::kBF16, true).view).status();
  CHECK(contains(tiles.message(), "weights in rows for the path onednn, came tiles of BF16"));
}
