// SPDX-License-Identifier: Apache-2.0
#include <moxie/backend/backend.hpp>

#include <new>

#include "backend/onednn/engine.hpp"
#include "backend/worker.hpp"

#if defined(MOXIE_X86_PATHS)
#include <cpuid.h>
#endif

namespace moxie::inline abi1 {

namespace {

#if defined(MOXIE_X86_PATHS)
// clang 14's __builtin_cpu_supports does not know "f16c".
bool has_f16c() noexcept {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

bool cpu_has(Isa isa) noexcept {
#if defined(MOXIE_X86_PATHS)
  switch (isa) {
    case Isa::kPortable: return true;
    case Isa::kAvx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    case Isa::kAvx512:
      return cpu_has(Isa::kAvx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  }
  return false;
#else
  return isa == Isa::kPortable;
#endif
}

Isa best_isa() noexcept {
  if (cpu_has(Isa::kAvx512)) return Isa::kAvx512;
  return cpu_has(Isa::kAvx2) ? Isa::kAvx2 : Isa::kPortable;
}

const backend::Ops& ops_for(Isa isa) noexcept {
#if defined(MOXIE_X86_PATHS)
  if (isa == Isa::kAvx512) return backend::kAvx512Ops;
  if (isa == Isa::kAvx2) return backend::kAvx2Ops;
#else
  static_cast<void>(isa);
#endif
  return backend::kPortableOps;
}

Text cpu_isas() noexcept {
  return Text(cpu_has(Isa::kAvx512) ? "avx512, " : "", cpu_has(Isa::kAvx2) ? "avx2, " : "", "portable");
}

}  // namespace

namespace backend {
const Ops& best_ops() noexcept { return ops_for(best_isa()); }
void FreeWorker::operator()(Worker* worker) const noexcept { delete worker; }
}  // namespace backend

std::string_view name(Isa isa) noexcept {
  switch (isa) {
    case Isa::kPortable: return "portable";
    case Isa::kAvx2: return "avx2";
    case Isa::kAvx512: return "avx512";
  }
  return "unknown";
}

std::string_view name(MatmulPath path) noexcept {
  switch (path) {
    case MatmulPath::kAuto: return "auto";
    case MatmulPath::kOneDnn: return "onednn";
    case MatmulPath::kNative: return "native";
    case MatmulPath::kReference: return "reference";
  }
  return "unknown";
}

struct Backend::State {
  Isa isa = Isa::kPortable;
  MatmulPath matmul = MatmulPath::kAuto;
  std::shared_ptr<const backend::Engine> engine;
};

Result<Backend> Backend::create(const BackendOptions& options) try {
  auto state = std::make_shared<State>();
  state->isa = options.isa.value_or(best_isa());
  state->matmul = options.matmul;
  if (!cpu_has(state->isa)) {
    return Status(Code::kUnsupported, "Backend::create", Text("an ISA of this CPU: ", cpu_isas().view()),
                  name(state->isa));
  }
  if (options.matmul == MatmulPath::kAuto || options.matmul == MatmulPath::kOneDnn) {
    auto engine = backend::Engine::create(state->isa);
    if (engine.ok()) {
      state->engine = *std::move(engine);
    } else if (options.matmul == MatmulPath::kOneDnn || engine.status().code() != Code::kUnsupported) {
      return engine.status();
    }
  }
  return Backend(std::move(state));
} catch (const std::bad_alloc&) {
  return Status(Code::kNoMemory, "Backend::create", "memory for a backend", "a refusal from the system");
}

Isa Backend::isa() const noexcept { return state_->isa; }
MatmulPath Backend::matmul() const noexcept { return state_->matmul; }
const backend::Ops& Backend::ops() const noexcept { return ops_for(state_->isa); }
const backend::Engine* Backend::engine() const noexcept { return state_->engine.get(); }

Result<BackendInfo> Backend::info() const try {
  BackendInfo info;
  info.isa = name(isa());
  info.cpu_isas = cpu_isas().view();
  info.matmul = name(matmul());
  info.onednn = backend::Engine::version();
  info.onednn_isa = backend::Engine::isa_in_force();
#if defined(__clang__)
  info.compiler = "clang " __clang_version__;
#else
  info.compiler = "g++ " __VERSION__;
#endif
  return info;
} catch (const std::bad_alloc&) {
  return Status(Code::kNoMemory, "Backend::info", "memory for a report", "a refusal from the system");
}

Result<std::vector<backend::WorkerPtr>> Backend::make_workers(std::size_t count) const try {
  std::vector<backend::WorkerPtr> workers;
  for (std::size_t i = 0; i < count; ++i) {
    std::unique_ptr<backend::EngineWorker> engine_worker;
    if (engine() != nullptr) {
      MOXIE_TRY_LET(engine_worker, engine()->make_worker());
    }
    workers.push_back(backend::WorkerPtr(new backend::Worker(ops(), std::move(engine_worker))));
  }
  return workers;
} catch (const std::bad_alloc&) {
  return Status(Code::kNoMemory, "Backend::make_workers", Text(count, " workers"), "a refusal from the system");
}

}  // namespace moxie
