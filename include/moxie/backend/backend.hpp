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

/// Which instructions the native kernels may use: each level also has those of the levels before it. A product runs the
/// best kernel that its level has, and Linear::path() names it. All levels give the same bits.
enum class Isa : std::uint8_t {
  kPortable,    ///< plain C++
  kAvx2,        ///< AVX2, FMA, F16C
  kAvx512,      ///< AVX-512 F, BW, VL, DQ
  kAvx512Vnni,  ///< AVX-512 VNNI, for the integer products of block-quantized weights
};
/// All levels, in ascending order.
inline constexpr Isa kIsas[] = {Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Vnni};
[[nodiscard]] MOXIE_API std::string_view name(Isa isa) noexcept;

/// What carries products with float weights.
enum class MatmulPath : std::uint8_t {
  kAuto,       ///< the best that keeps the row law: for f32 oneDNN where its probe passed, else native
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
  std::string isa;         ///< level of the native kernels
  std::string cpu_isas;    ///< the levels that this CPU has, best first
  std::string matmul;      ///< what was asked: auto, onednn, native, reference
  std::string onednn;      ///< version, or why it is not there
  std::string onednn_isa;  ///< the instructions that oneDNN allows itself
  std::string compiler;
};

struct BackendAccess;

namespace backend {
class Worker;
/// Destroys a Worker where its type is known.
struct MOXIE_API FreeWorker {
  void operator()(Worker* worker) const noexcept;
};
using WorkerPtr = std::unique_ptr<Worker, FreeWorker>;
}  // namespace backend

/// The device that runs a model: the CPU, at an ISA level chosen once and never changed.
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

 private:
  friend struct BackendAccess;
  struct State;
  explicit Backend(std::shared_ptr<const State> state) noexcept : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace moxie
