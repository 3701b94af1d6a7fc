// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/result.hpp>

namespace moxie::inline abi1 {

/// Which instructions the native kernels use. All paths give the same bits for f32, bf16 and f16.
enum class Isa : std::uint8_t {
  kPortable,  ///< plain C++
  kAvx2,      ///< AVX2, FMA, F16C
  kAvx512,    ///< AVX-512 F, BW, VL, DQ
};
[[nodiscard]] MOXIE_API std::string_view name(Isa isa) noexcept;

/// What carries products with float weights.
enum class MatmulPath : std::uint8_t {
  kAuto,       ///< the best that keeps the row law: oneDNN where its probe passed, else native
  kOneDnn,     ///< oneDNN's matmul; an error where the probe finds rows that depend on each other
  kNative,     ///< moxie's own kernels
  kReference,  ///< plain loops, for comparison
};
[[nodiscard]] MOXIE_API std::string_view name(MatmulPath path) noexcept;

struct BackendOptions {
  std::optional<Isa> isa = {};  ///< none: the best that this CPU has
  MatmulPath matmul = MatmulPath::kAuto;
};

/// What was built and what will run: for reports, and for the fingerprint under which bits repeat.
struct BackendInfo {
  std::string isa;         ///< path of the native kernels
  std::string cpu_isas;    ///< the paths that this CPU can run, best first
  std::string matmul;      ///< what was asked: auto, onednn, native, reference
  std::string onednn;      ///< version, or why it is not there
  std::string onednn_isa;  ///< the instructions that oneDNN allows itself
  std::string compiler;
};

namespace backend {
struct Ops;
class Engine;
class Worker;
/// Destroys a Worker where its type is known.
struct MOXIE_API FreeWorker {
  void operator()(Worker* worker) const noexcept;
};
using WorkerPtr = std::unique_ptr<Worker, FreeWorker>;
}  // namespace backend

/// The device that runs a model: the CPU, by an ISA path chosen once and never changed.
///
/// Errors   create: kUnsupported where an ISA or library was forced that is not there.
/// Threads  a cheap handle over immutable state; may be used from any thread.
class MOXIE_API Backend {
 public:
  static Result<Backend> create(const BackendOptions& options = {});

  [[nodiscard]] Isa isa() const noexcept;
  [[nodiscard]] MatmulPath matmul() const noexcept;
  [[nodiscard]] Result<BackendInfo> info() const;

  /// What each worker thread keeps warm; set on its Workspace with set_worker().
  [[nodiscard]] Result<std::vector<backend::WorkerPtr>> make_workers(std::size_t count) const;

  [[nodiscard]] const backend::Ops& ops() const noexcept;        ///< for moxie's own layers
  [[nodiscard]] const backend::Engine* engine() const noexcept;  ///< oneDNN, or null

 private:
  struct State;
  explicit Backend(std::shared_ptr<const State> state) noexcept : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace moxie
