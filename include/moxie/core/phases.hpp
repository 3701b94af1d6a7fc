// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace moxie::inline abi1 {

/// The kinds of work that a step does, one after another.
enum class Phase : std::uint8_t {
  kPlan,         ///< which rows run, and their pages
  kEmbedding,    ///< rows of the embedding, angles of rotation
  kProjections,  ///< queries, keys and values; what attention gives, multiplied by its output matrix
  kAttention,    ///< scores and sums over the pages
  kMlp,          ///< dense feed-forwards, shared experts
  kRouting,      ///< scores of the experts, and the choice
  kExperts,
  kResidual,  ///< sums into the residual stream, norms
  kHead,      ///< logits
  kSampling,  ///< constraints, and the choice of tokens
  kText,      ///< tokens decoded, stop strings, what the host's callbacks do
};
inline constexpr std::size_t kPhases = 11;

constexpr std::string_view name(Phase phase) noexcept {
  switch (phase) {
    case Phase::kPlan: return "plan";
    case Phase::kEmbedding: return "embedding";
    case Phase::kProjections: return "projections";
    case Phase::kAttention: return "attention";
    case Phase::kMlp: return "mlp";
    case Phase::kRouting: return "routing";
    case Phase::kExperts: return "experts";
    case Phase::kResidual: return "residual";
    case Phase::kHead: return "head";
    case Phase::kSampling: return "sampling";
    case Phase::kText: return "text";
  }
  return "unknown";
}

/// What a phase has to do at least, from which follows how fast a machine could be.
///
/// Units    bytes of weights and pages, each counted once; operations: a multiply and an add are two. Of small phases
///          (rows of activations, norms) nothing is counted.
struct PhaseWork {
  std::uint64_t bytes = 0;
  std::uint64_t int8_operations = 0;  ///< products of quantized weights and activations
  std::uint64_t f32_operations = 0;

  PhaseWork& operator+=(const PhaseWork& other) noexcept {
    bytes += other.bytes;
    int8_operations += other.int8_operations;
    f32_operations += other.f32_operations;
    return *this;
  }
};

/// One phase of one step, on all threads together.
struct PhaseSpan {
  using Time = std::chrono::steady_clock::time_point;

  Phase phase = Phase::kPlan;
  std::uint64_t step = 0;  ///< its number on this kernel
  std::size_t layer = 0;   ///< for the phases of a layer, kProjections to kResidual
  std::size_t rows = 0;    ///< tokens that it computes
  PhaseWork work = {};
  Time begin = {};
  Time end = {};
};

/// Is told what steps spend their time on: a host derives from it and gives it to KernelOptions::phases. Spans come as
/// they end, in order of time; those of a step follow each other, with nothing but the sink's own work in between.
///
/// Threads  the thread that is in step(); of several kernels with one sink, all of those, at once. Its time is a part
/// of
///          the step: it should be short.
class PhaseSink {
 public:
  virtual ~PhaseSink() = default;
  virtual void take(const PhaseSpan& span) noexcept = 0;

 protected:
  PhaseSink() = default;
  PhaseSink(const PhaseSink&) = default;
  PhaseSink& operator=(const PhaseSink&) = default;
};

}  // namespace moxie
