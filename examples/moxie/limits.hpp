// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include <moxie/core/result.hpp>

namespace moxie::program {

/// What this machine allows, all threads together: probed, each figure the best of several short runs.
///
/// Units    a second; a multiply and an add are two operations.
struct Limits {
  std::size_t threads = 0;
  double bytes = 0;            ///< read from memory
  double int8_operations = 0;  ///< dot products
  double f32_operations = 0;
  std::string_view isa;  ///< of the dot products
};

/// Takes a second or two, and 256 MiB for each thread.
///
/// Errors   kUnsupported: no CPU with AVX2. kNoMemory.
Result<Limits> probe_limits(std::size_t threads);

}  // namespace moxie::program
