// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/backend/linear.hpp>

#include "support/catch.hpp"
#include "support/kernels.hpp"

namespace moxie::test {

inline bool starts_with(std::string_view text, std::string_view begin) { return text.starts_with(begin); }
inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// The levels of instructions that this CPU has, as create() finds out and not as it is asked.
inline std::vector<Isa> isas_under_test() {
  std::vector<Isa> isas;
  for (const Isa isa : kIsas) {
    if (Backend::create({.isa = isa, .matmul = MatmulPath::kNative}).ok()) isas.push_back(isa);
  }
  return isas;
}

inline bool build_has_onednn() {
  const auto backend = Backend::create({.matmul = MatmulPath::kReference}).value();
  return !contains(backend.info().value().onednn, "not in this build");
}

/// A way to carry a product that this build and CPU have.
struct LinearPath {
  std::string name;  ///< what path() begins with
  Backend backend;

  [[nodiscard]] bool is_onednn() const { return backend.matmul() == MatmulPath::kOneDnn; }

  /// None where oneDNN does not do this shape or type; anything else that fails is a mistake.
  [[nodiscard]] std::optional<Linear> linear(const Weights& weights, std::span<const float> bias = {}) const {
    auto made = Linear::create(backend, weights, bias);
    if (is_onednn() && made.status().code() == Code::kUnsupported) return std::nullopt;
    INFO(made.status().message());
    REQUIRE(made.ok());
    INFO(made->path());
    REQUIRE(starts_with(made->path(), name));
    return *std::move(made);
  }
};

inline std::vector<LinearPath> linear_paths() {
  std::vector<LinearPath> paths;
  if (build_has_onednn()) {
    paths.push_back({"onednn ", Backend::create({.matmul = MatmulPath::kOneDnn}).value()});
  }
  for (const Isa isa : isas_under_test()) {
    if (float_kernels(isa) != name(isa)) continue;  // another level has them
    paths.push_back({"native " + std::string(name(isa)) + " ",
                     Backend::create({.isa = isa, .matmul = MatmulPath::kNative}).value()});
  }
  paths.push_back({"reference", Backend::create({.matmul = MatmulPath::kReference}).value()});
  return paths;
}

/// Scratch memory of exactly so many bytes for one thread, with the backend's worker.
class Scratch {
 public:
  Scratch(const Backend& backend, std::size_t bytes)
      : workers_(backend.make_workers(1).value()),
        memory_(AlignedBuffer::create(bytes).value()),
        workspace_(memory_.bytes()) {
    workspace_.set_worker(workers_[0].get());
  }
  [[nodiscard]] Workspace& workspace() { return workspace_; }

 private:
  std::vector<backend::WorkerPtr> workers_;
  AlignedBuffer memory_;
  Workspace workspace_;
};

inline constexpr ElementType kFloatTypes[] = {ElementType::kF32, ElementType::kBF16, ElementType::kF16};

}  // namespace moxie::test
