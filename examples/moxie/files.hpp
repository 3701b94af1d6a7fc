// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <moxie/core/result.hpp>

namespace moxie::program {

/// All bytes of a file that the command line names.
///
/// Errors   kNotFound, kIo.
Result<std::string> read_file(const std::string& path);

}  // namespace moxie::program
