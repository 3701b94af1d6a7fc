// SPDX-License-Identifier: Apache-2.0
#include <moxie/backend/backend.hpp>

#include <new>

#include "backend/access.hpp"
#include "backend/isa.hpp"
#include "backend/onednn/engine.hpp"
#include "backend/worker.hpp"

namespace moxie::inline abi1 {

namespace backend {
const Ops& best_ops() noexcept { return ops_for(best_isa()); }
void FreeWorker::operator()(Worker* worker) const noexcept { delete worker; }
}  // namespace backend

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
  state->isa = options.isa.value_or(backend::best_isa());
  state->matmul = options.matmul;
  if (!backend::cpu_has(state->isa)) {
    return Status(Code::kUnsupported, "Backend::create", Text("an ISA of this CPU: ", backend::cpu_isas().view()),
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
const backend::Ops& BackendAccess::ops(const Backend& backend) noexcept { return backend::ops_for(backend.isa()); }
const backend::Engine* BackendAccess::engine(const Backend& backend) noexcept { return backend.state_->engine.get(); }

Result<BackendInfo> Backend::info() const try {
  BackendInfo info;
  info.isa = name(isa());
  info.cpu_isas = backend::cpu_isas().view();
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
    if (state_->engine != nullptr) {
      MOXIE_TRY_LET(engine_worker, state_->engine->make_worker());
    }
    workers.push_back(backend::WorkerPtr(new backend::Worker(backend::ops_for(state_->isa), std::move(engine_worker))));
  }
  return workers;
} catch (const std::bad_alloc&) {
  return Status(Code::kNoMemory, "Backend::make_workers", Text(count, " workers"), "a refusal from the system");
}

}  // namespace moxie
