// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <moxie/core/budget.hpp>
#include <moxie/core/workers.hpp>

#include "support/catch.hpp"
#include "unit/backend/linear_paths.hpp"
#include "unit/backend/linear_problem.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

void check_refusal(const Status& status, Code code, std::initializer_list<std::string_view> parts) {
  INFO(status.message());
  CHECK(status.code() == code);
  for (const std::string_view part : parts) CHECK(contains(status.message(), part));
}

}  // namespace

TEST_CASE("a product refuses rows that do not fit and says what would") {
  const StoredWeights weights = StoredWeights::random(ElementType::kF32, 20, 30, 1);
  for (const LinearPath& path : linear_paths()) {
    const auto linear = path.linear(weights.view());
    if (!linear) continue;
    INFO(linear->path());
    Table x(4, 64), y(4, 64, 7.0f);
    Scratch scratch(path.backend, linear->scratch_bytes(4));
    SerialExecutor executor;
    std::vector<Workspace> workspaces(1, scratch.workspace());
    Workers workers(executor, workspaces);
    const auto check = [&](Rows from, Rows to, std::initializer_list<std::string_view> parts) {
      check_refusal(linear->apply(from, to, scratch.workspace()), Code::kShape, parts);
      check_refusal(linear->apply(from, to, workers), Code::kShape, parts);
      CHECK(scratch.workspace().used_bytes() == 0);
    };
    float* const a = x.data.data();
    float* const b = y.data.data();
    check({a, 4, 29}, {b, 4, 20}, {"[T, 30]", "[4, 29]"});
    check({a, 4, 30}, {b, 3, 20}, {"[4, 20]", "[3, 20]"});
    check({a, 4, 30}, {b, 4, 21}, {"[4, 20]", "[4, 21]"});
    check({a, 4, 30, 29}, {b, 4, 20}, {"[T, 30]", "stride 29"});
    check({a, 4, 30}, {b, 4, 20, 19}, {"[4, 20]", "stride 19"});
    check({}, {b, 0, 20}, {"[T, 30]", "[0, 0]"});
    CHECK(std::ranges::all_of(y.data, [](float value) { return value == 7.0f; }));
  }
}

TEST_CASE("weights of a type or shape that no path carries are refused") {
  const std::vector<std::byte> bytes(8 * 4 * 4);
  for (const LinearPath& path : linear_paths()) {
    INFO(path.name);
    for (const ElementType type : {ElementType::kBool, ElementType::kU8, ElementType::kI8, ElementType::kF8E5M2,
                                   ElementType::kF8E4M3, ElementType::kU16, ElementType::kI16, ElementType::kU32,
                                   ElementType::kI32, ElementType::kU64, ElementType::kI64, ElementType::kF64}) {
      check_refusal(Linear::create(path.backend, {bytes.data(), type, 4, 4}).status(), Code::kUnsupported,
                    {"F32", "BF16", "F16", name(type)});
    }
    const float bias[5] = {};
    check_refusal(Linear::create(path.backend, {bytes.data(), ElementType::kF32, 4, 8}, bias).status(), Code::kShape,
                  {"bias of 4", "came 5"});
    check_refusal(Linear::create(path.backend, {bytes.data(), ElementType::kF32, 0, 8}).status(), Code::kShape,
                  {"[0, 8]"});
    check_refusal(Linear::create(path.backend, {bytes.data(), ElementType::kF32, 4, 0}).status(), Code::kShape,
                  {"[4, 0]"});
  }
}

TEST_CASE("weights whose bytes no number holds are refused before they are read") {
  const std::byte byte{};
  constexpr std::size_t kOne = 1;
  constexpr std::size_t kMax = std::numeric_limits<std::size_t>::max();
  constexpr std::pair<std::size_t, std::size_t> kWidths[] = {{kMax, 1},
                                                             {1, kMax},
                                                             {kMax, kMax},
                                                             {kMax / 2, 2},
                                                             {kOne << 62, 4},
                                                             {2, kOne << 62},
                                                             {kOne << 32, kOne << 32},
                                                             {1, kOne << 57}};
  for (const LinearPath& path : linear_paths()) {
    INFO(path.name);
    for (const ElementType type : kFloatTypes) {
      for (const auto& widths : kWidths) {
        const auto budget = Budget::create("weights", Budget::kUnlimited);
        const auto linear = Linear::create(path.backend, {&byte, type, widths.first, widths.second}, {}, budget.get());
        check_refusal(linear.status(), Code::kNoMemory, {std::to_string(widths.first), std::to_string(widths.second)});
        CHECK(budget->used() == 0);
      }
    }
  }
}

TEST_CASE("a product in too little scratch memory says so and leaves it as it was") {
  for (const LinearPath& path : linear_paths()) {
    for (const ElementType type : kFloatTypes) {
      const StoredWeights weights = StoredWeights::random(type, 130, 40, 2);
      const auto linear = path.linear(weights.view());
      if (!linear) continue;
      INFO(linear->path());
      std::size_t before = 0;
      for (std::size_t rows = 0; rows <= 200; ++rows) {  // never falls
        CHECK(linear->scratch_bytes(rows) >= before);
        before = linear->scratch_bytes(rows);
      }
      constexpr std::size_t kRows = 66;
      Strided x(Table::random(kRows, 40, 2).view(), 1);
      Table y(kRows, 130);
      const std::size_t needed = linear->scratch_bytes(kRows);
      for (std::size_t bytes = 0; bytes < needed; bytes += 1024) {
        Scratch scratch(path.backend, std::min(bytes, needed - 64));
        check_refusal(linear->apply(x.view(), y.view(), scratch.workspace()), Code::kNoSpace, {"bytes free"});
        CHECK(scratch.workspace().used_bytes() == 0);
      }
      Scratch enough(path.backend, needed);
      CHECK(linear->apply(x.view(), y.view(), enough.workspace()).ok());
    }
  }
}

TEST_CASE("packed weights are charged byte for byte and given back") {
  for (const LinearPath& path : linear_paths()) {
    for (const ElementType type : kFloatTypes) {
      const StoredWeights weights = StoredWeights::random(type, 97, 50, 3);
      if (!path.linear(weights.view())) continue;
      INFO(path.name << name(type));
      const auto budget = Budget::create("weights", 1 << 20);
      {
        const Linear linear = Linear::create(path.backend, weights.view(), {}, budget.get()).value();
        // Native: whole vectors of 16 columns. oneDNN: its own blocks, of at most 64 either way.
        if (path.name == "reference") CHECK(linear.bytes() == 97 * 50 * sizeof(float));
        if (starts_with(path.name, "native")) CHECK(linear.bytes() == 112 * 50 * size_of(type));
        CHECK(linear.bytes() >= 97 * 50 * size_of(type));
        CHECK(linear.bytes() <= 128 * 64 * std::max<std::size_t>(size_of(type), path.is_onednn() ? 2 : 4));
        CHECK(budget->used() == linear.bytes());
        const Linear copy = linear;  // NOLINT(performance-unnecessary-copy-initialization): a copy shares
        CHECK(budget->used() == linear.bytes());
        const auto narrow = Budget::create("narrow", linear.bytes() - 1);
        check_refusal(Linear::create(path.backend, weights.view(), {}, narrow.get()).status(), Code::kBudget,
                      {"narrow", std::to_string(linear.bytes())});
        CHECK(narrow->used() == 0);
        const auto exact = Budget::create("exact", linear.bytes());
        CHECK(Linear::create(path.backend, weights.view(), {}, exact.get()).ok());
        CHECK(exact->used() == 0);
      }
      CHECK(budget->used() == 0);
    }
  }
}

TEST_CASE("a product says which implementation runs") {
  const auto path_of = [](const BackendOptions& options, ElementType type) {
    const StoredWeights weights = StoredWeights::random(type, 64, 64, 4);
    return std::string(Linear::create(Backend::create(options).value(), weights.view()).value().path());
  };
  for (const Isa isa : isas_under_test()) {
    const std::string begin = "native " + std::string(float_kernels(isa));
    CHECK(path_of({.isa = isa, .matmul = MatmulPath::kNative}, ElementType::kF32) == begin + " f32");
    CHECK(path_of({.isa = isa, .matmul = MatmulPath::kNative}, ElementType::kBF16) == begin + " bf16");
    CHECK(path_of({.isa = isa, .matmul = MatmulPath::kNative}, ElementType::kF16) == begin + " f16");
    // 16-bit weights stay 16 bits: oneDNN would have to be fed widened tiles.
    CHECK(path_of({.isa = isa}, ElementType::kBF16) == begin + " bf16");
    CHECK(path_of({.isa = isa}, ElementType::kF16) == begin + " f16");
  }
  CHECK(path_of({.matmul = MatmulPath::kReference}, ElementType::kF32) == "reference");
}

TEST_CASE("auto takes oneDNN where its rows are independent, and native kernels exactly where they are not") {
  if (!build_has_onednn()) {
    WARN("skipped: this build has no oneDNN");
    return;
  }
  const Backend automatic = Backend::create().value();
  const Backend forced = Backend::create({.matmul = MatmulPath::kOneDnn}).value();
  const BackendInfo info = automatic.info().value();
  std::size_t native = 0, shapes = 0;
  for (const std::size_t out : {1u, 15u, 64u, 97u, 200u}) {
    for (const std::size_t in : {1u, 17u, 64u, 200u, 768u}) {
      const StoredWeights weights = StoredWeights::random(ElementType::kF32, out, in, 6);
      const auto wanted = Linear::create(forced, weights.view());
      const Linear ran = Linear::create(automatic, weights.view()).value();
      INFO("[" << out << ", " << in << "] " << ran.path() << "; oneDNN: " << wanted.status().message());
      ++shapes;
      if (wanted.ok()) {
        CHECK(ran.path() == wanted->path());
        continue;
      }
      ++native;
      check_refusal(wanted.status(), Code::kUnsupported, {"oneDNN", "rows that do not depend on each other"});
      CHECK(ran.path() == "native " + std::string(float_kernels(automatic.isa())) + " f32");
    }
  }
  WARN("oneDNN " << info.onednn << " (" << info.onednn_isa << "): native kernels took over " << native << " of "
                 << shapes << " shapes");
  // Where oneDNN 2 may not use AVX-512 it has no brgemm, and its gemm treats one row unlike many.
  const char* limit = std::getenv("ONEDNN_MAX_CPU_ISA");
  if (limit != nullptr && std::string(limit) == "AVX2") {
    CHECK(starts_with(info.onednn_isa, "avx2"));
    if (starts_with(info.onednn, "2.")) CHECK(native > 0);
  } else if (starts_with(info.onednn_isa, "avx512_core")) {
    CHECK(native == 0);
  }
}

TEST_CASE("oneDNN that may use more instructions than were asked for is an error that names the remedy") {
  if (!build_has_onednn()) {
    check_refusal(Backend::create({.matmul = MatmulPath::kOneDnn}).status(), Code::kUnsupported, {"MOXIE_ONEDNN=ON"});
    return;
  }
  const std::string allowed = Backend::create().value().info().value().onednn_isa;
  const std::vector<Isa> isas = isas_under_test();
  const bool has_avx2 = std::ranges::find(isas, Isa::kAvx2) != isas.end();
  if (starts_with(allowed, "avx512") && has_avx2) {
    check_refusal(Backend::create({.isa = Isa::kAvx2, .matmul = MatmulPath::kOneDnn}).status(), Code::kUnsupported,
                  {"oneDNN", "ONEDNN_MAX_CPU_ISA=AVX2", allowed});
  }
  if (starts_with(allowed, "avx2") && has_avx2) {
    CHECK(Backend::create({.isa = Isa::kAvx2, .matmul = MatmulPath::kOneDnn}).ok());
  }
  if (starts_with(allowed, "avx")) {
    check_refusal(Backend::create({.isa = Isa::kPortable, .matmul = MatmulPath::kOneDnn}).status(), Code::kUnsupported,
                  {"oneDNN", "ONEDNN_MAX_CPU_ISA=SSE41", allowed});
    // Asked for nothing, the backend keeps to the ISA that was forced and goes without oneDNN.
    const StoredWeights weights = StoredWeights::random(ElementType::kF32, 8, 8, 7);
    const Backend portable = Backend::create({.isa = Isa::kPortable}).value();
    CHECK(Linear::create(portable, weights.view()).value().path() == "native portable f32");
  }
}

TEST_CASE("oneDNN refuses F16 where it is forced, and says what it takes") {
  if (!build_has_onednn()) return;
  const StoredWeights weights = StoredWeights::random(ElementType::kF16, 8, 8, 8);
  check_refusal(Linear::create(Backend::create({.matmul = MatmulPath::kOneDnn}).value(), weights.view()).status(),
                Code::kUnsupported, {"F32 or BF16", "onednn", "came F16"});
}
