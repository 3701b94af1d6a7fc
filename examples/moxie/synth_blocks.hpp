// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <moxie/core/element_type.hpp>
#include <moxie/core/philox.hpp>
#include <moxie/core/status.hpp>

namespace moxie::program {

/// Random weights of one tensor, made in the type that they are stored in: random codes under scales that give the
/// elements a mean of zero and about the spread that is asked for. Each block depends on the seed, the tensor's stream
/// and its own place alone.
///
/// Errors   kUnsupported: a type that `moxie synth` has no use for.
class RandomBlocks {
 public:
  /// `spread`: the standard deviation. `width`: of a row.
  RandomBlocks(std::uint64_t seed, std::uint64_t stream, ElementType type, std::uint64_t width, double spread);

  Status fill(std::uint64_t first_row, std::span<std::byte> rows) const;

 private:
  void draw(std::uint64_t place, std::span<std::byte> into) const noexcept;
  Status make(std::uint64_t place, std::span<std::byte> block) const;
  Status make_floats(std::uint64_t place, std::span<std::byte> block) const;

  Philox random_;
  ElementType type_;
  std::uint64_t blocks_per_row_;
  std::size_t block_bytes_;
  std::size_t block_elements_;
  double spread_;
  // Scales to choose from, as f16: half the usual one to one and a half of it; and what goes with each as `dmin`.
  std::array<std::uint16_t, 256> scales_{};
  std::array<std::uint16_t, 256> mins_{};
};

}  // namespace moxie::program
