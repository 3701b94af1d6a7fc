// SPDX-License-Identifier: Apache-2.0
#include "backend/onednn/engine.hpp"

#include <map>
#include <mutex>
#include <utility>

#include "backend/onednn/onednn_linear.hpp"

namespace moxie::inline abi1::backend {

namespace {

class OneDnnEngine final : public Engine {
 public:
  OneDnnEngine() : engine_(make_engine()) {}

  [[nodiscard]] BodyResult make_linear(const Weights& weights, std::span<const float> bias,
                                       const Packing& packing) const override try {
    return make_onednn_linear([this](std::size_t depth, std::size_t columns) { return product(depth, columns); },
                              weights, bias, packing);
  } catch (const dnnl::error& error) {
    return Status(code_of(error, Code::kUnsupported), "Linear on oneDNN",
                  Text("a matmul of ", weights.in_width, " x ", weights.out_width), error.what());
  }

  [[nodiscard]] Result<std::unique_ptr<EngineWorker>> make_worker() const override {
    return std::unique_ptr<EngineWorker>(std::make_unique<OneDnnWorker>());
  }

 private:
  static dnnl::engine make_engine() {
    require_headroom();
    return {dnnl::engine::kind::cpu, 0};
  }

  /// Made and probed once for each shape; a refusal is remembered as well.
  Result<std::shared_ptr<const Product>> product(std::size_t depth, std::size_t columns) const {
    const std::lock_guard lock(mutex_);
    const auto key = std::pair(depth, columns);
    const auto found = products_.find(key);
    if (found != products_.end()) return found->second;
    auto made = Product::create(engine_, depth, columns);
    products_.emplace(key, made);
    return made;
  }

  dnnl::engine engine_;
  mutable std::mutex mutex_;  // while weights are packed; never in a step
  mutable std::map<std::pair<std::size_t, std::size_t>, Result<std::shared_ptr<const Product>>> products_;
};

/// Whether oneDNN keeps to `isa` in this process. Only products of floats matter here, so its levels that add integer
/// or 16-bit products alone count as those they build on.
bool within(Isa isa) {
  using dnnl::cpu_isa;
  const auto bits = [](cpu_isa some) { return static_cast<unsigned>(some); };
  const unsigned beyond = isa >= Isa::kAvx512 ? 0u
                          : isa == Isa::kAvx2 ? bits(cpu_isa::avx512_core) & ~bits(cpu_isa::avx2)
                                              : bits(cpu_isa::avx) & ~bits(cpu_isa::sse41);
  return (bits(dnnl::get_effective_cpu_isa()) & beyond) == 0;
}

}  // namespace

Result<std::shared_ptr<const Engine>> Engine::create(Isa isa) try {
  if (!within(isa)) {
    return Status(Code::kUnsupported, "Backend::create",
                  Text("oneDNN within ", name(isa), " (set ONEDNN_MAX_CPU_ISA=", isa == Isa::kAvx2 ? "AVX2" : "SSE41",
                       " before the process starts)"),
                  isa_in_force());
  }
  return std::shared_ptr<const Engine>(std::make_shared<OneDnnEngine>());
} catch (const dnnl::error& error) {
  return Status(code_of(error, Code::kUnsupported), "Backend::create", "a CPU engine of oneDNN", error.what());
}

std::string Engine::version() {
  const dnnl_version_t* version = dnnl_version();
  return std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->patch);
}

std::string Engine::isa_in_force() {
  // Newer versions of oneDNN know more names; the number stays readable then.
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41: return "sse41";
    case dnnl::cpu_isa::avx: return "avx";
    case dnnl::cpu_isa::avx2: return "avx2";
    case dnnl::cpu_isa::avx2_vnni: return "avx2_vnni";
    case dnnl::cpu_isa::avx512_core: return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni: return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16: return "avx512_core_bf16";
    case dnnl::cpu_isa::avx512_core_amx: return "avx512_core_amx";
    default: return "isa " + std::to_string(static_cast<unsigned>(dnnl::get_effective_cpu_isa()));
  }
}

}  // namespace moxie::backend
