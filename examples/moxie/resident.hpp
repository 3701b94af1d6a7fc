// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include <moxie/core/result.hpp>

namespace moxie::program {

/// The memory of the process that is there, files that are mapped among it.
struct Resident {
  std::size_t bytes = 0;
  std::size_t huge = 0;  ///< of these, in pages of 2 MiB
};

/// What `text`, of the form of /proc/self/smaps_rollup, says.
///
/// Errors   kFormat: it does not say how much is resident.
Result<Resident> resident_of(std::string_view text);

/// This process's.
///
/// Errors   kNotFound: the system does not say it.
Result<Resident> resident_memory();

}  // namespace moxie::program
