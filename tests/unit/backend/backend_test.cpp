// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <string>
#include <utility>

#include <moxie/backend/backend.hpp>
#include <moxie/backend/matmul.hpp>

#include "backend/access.hpp"
#include "backend/cpu/ops.hpp"
#include "backend/worker.hpp"
#include "support/catch.hpp"
#include "unit/backend/linear_paths.hpp"
#include "unit/backend/linear_problem.hpp"

using namespace moxie;
using namespace moxie::test;

TEST_CASE("ISA and product paths have names") {
  CHECK(name(Isa::kPortable) == "portable");
  CHECK(name(Isa::kAvx2) == "avx2");
  CHECK(name(Isa::kAvx512) == "avx512");
  CHECK(name(Isa::kAvx512Vnni) == "avx512vnni");
  CHECK(name(static_cast<Isa>(99)) == "unknown");
  CHECK(name(MatmulPath::kAuto) == "auto");
  CHECK(name(MatmulPath::kOneDnn) == "onednn");
  CHECK(name(MatmulPath::kNative) == "native");
  CHECK(name(MatmulPath::kReference) == "reference");
  CHECK(name(static_cast<MatmulPath>(99)) == "unknown");
}

TEST_CASE("a backend that is asked for nothing takes the best ISA of the CPU") {
  const Backend backend = Backend::create().value();
  const std::vector<Isa> isas = isas_under_test();
  REQUIRE(!isas.empty());
  CHECK(isas.front() == Isa::kPortable);
  CHECK(backend.isa() == isas.back());
  CHECK(backend.matmul() == MatmulPath::kAuto);
  CHECK(BackendAccess::ops(backend).isa == float_kernels(isas.back()));
  const BackendInfo info = backend.info().value();
  CHECK(info.isa == name(isas.back()));
  CHECK(info.matmul == "auto");
  std::string all;  // best first
  for (auto isa = isas.rbegin(); isa != isas.rend(); ++isa) all += (all.empty() ? "" : ", ") + std::string(name(*isa));
  CHECK(info.cpu_isas == all);
  CHECK((starts_with(info.compiler, "g++ ") || starts_with(info.compiler, "clang ")));
  CHECK(info.compiler.size() > 6);
  CHECK(build_has_onednn() == (info.onednn_isa != "none"));
  CHECK((build_has_onednn() ? starts_with(info.onednn, "2.") || starts_with(info.onednn, "3.")
                            : contains(info.onednn, "MOXIE_ONEDNN=OFF")));
}

TEST_CASE("a forced ISA is the one that is used, or an error that names what the CPU has") {
  std::vector<Isa> isas(std::begin(kIsas), std::end(kIsas));
  isas.push_back(static_cast<Isa>(99));
  for (const Isa isa : isas) {
    for (const MatmulPath matmul : {MatmulPath::kAuto, MatmulPath::kNative, MatmulPath::kReference}) {
      const auto backend = Backend::create({.isa = isa, .matmul = matmul});
      INFO(name(isa) << " " << name(matmul) << ": " << backend.status().message());
      if (!backend.ok()) {
        CHECK(backend.status().code() == Code::kUnsupported);
        CHECK(contains(backend.status().needed(), "portable"));
        CHECK(backend.status().came() == name(isa));
        CHECK(isa != Isa::kPortable);
        continue;
      }
      CHECK(isa != static_cast<Isa>(99));
      CHECK(backend->isa() == isa);
      CHECK(backend->matmul() == matmul);
      CHECK(BackendAccess::ops(*backend).isa == float_kernels(isa));
      CHECK(backend->info().value().isa == name(isa));
      CHECK(backend->info().value().matmul == name(matmul));
      if (matmul != MatmulPath::kAuto) CHECK(BackendAccess::engine(*backend) == nullptr);
    }
  }
}

TEST_CASE("a copy of a backend is the same backend") {
  const Backend backend = Backend::create({.matmul = MatmulPath::kNative}).value();
  const Backend copy = backend;  // NOLINT(performance-unnecessary-copy-initialization)
  CHECK(&BackendAccess::ops(copy) == &BackendAccess::ops(backend));
  CHECK(BackendAccess::engine(copy) == BackendAccess::engine(backend));
  CHECK(copy.isa() == backend.isa());
}

TEST_CASE("workers carry the ISA that was chosen, and outlive their backend") {
  for (const Isa isa : isas_under_test()) {
    for (const MatmulPath path : {MatmulPath::kAuto, MatmulPath::kNative}) {
      std::vector<backend::WorkerPtr> workers;
      bool engine = false;
      {
        const Backend backend = Backend::create({.isa = isa, .matmul = path}).value();
        engine = BackendAccess::engine(backend) != nullptr;
        workers = backend.make_workers(3).value();
        CHECK(backend.make_workers(0).value().empty());
      }
      REQUIRE(workers.size() == 3);
      for (const backend::WorkerPtr& worker : workers) {
        REQUIRE(worker != nullptr);
        CHECK(worker->ops().isa == float_kernels(isa));
        CHECK((worker->engine() != nullptr) == engine);
      }
      CHECK(workers[0] != workers[1]);

      auto memory = AlignedBuffer::create(matmul_scratch_bytes(8)).value();
      Workspace ws(memory.bytes());
      ws.set_worker(workers[2].get());
      const Table x = Table::random(3, 8, 1), w = Table::random(20, 8, 2);
      Table y(3, 20);
      REQUIRE(matmul(x.view(), w.view(), y.view(), ws).ok());
      CHECK(bit_difference(ConstRows(y.view()), chain_linear(x.view(), w.view(), {}).view()) == "");
    }
  }
}

TEST_CASE("a product outlives the backend, the worker and the weights that made it") {
  std::optional<Linear> linear;
  const StoredWeights weights = StoredWeights::random(ElementType::kF32, 70, 30, 5);
  {
    const StoredWeights gone = weights;
    linear = Linear::create(Backend::create().value(), gone.view()).value();
  }
  const Backend other = Backend::create().value();
  const Table x = Table::random(20, 30, 5);
  Table y(20, 70);
  Scratch scratch(other, linear->scratch_bytes(20));
  REQUIRE(linear->apply(x.view(), y.view(), scratch.workspace()).ok());
  CHECK(difference(y.view(), exact_linear(x.view(), weights.values(), {}), linear_roundings(30)) == "");
}

TEST_CASE("a process's limit on oneDNN's instructions is in force and seen") {
  const char* limit = std::getenv("ONEDNN_MAX_CPU_ISA");
  if (!build_has_onednn() || limit == nullptr) return;  // CTest runs this program with AVX2 and AVX2_VNNI as well
  const std::string allowed = Backend::create().value().info().value().onednn_isa;
  INFO(limit << ": " << allowed);
  if (std::string(limit) == "AVX2") CHECK((allowed == "avx2" || allowed == "avx" || allowed == "sse41"));
  if (std::string(limit) == "AVX2_VNNI")
    CHECK((allowed == "avx2_vnni" || allowed == "avx2" || allowed == "avx" || allowed == "sse41"));
  const auto forced = Backend::create({.isa = Isa::kAvx2, .matmul = MatmulPath::kOneDnn});
  INFO(forced.status().message());
  // Of AVX2 with and without VNNI, a product of floats is the same.
  if (isas_under_test().size() > 1) CHECK(forced.ok());
}
