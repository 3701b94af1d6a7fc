// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <moxie/core/result.hpp>

namespace moxie::program {

/// `model` as it is, or where it is empty the model that comes with the program: the file that MOXIE_MODEL names, else
/// the one that lies beside the program, in the build's folder as in an installed one.
///
/// Errors   kNotFound: there is none.
Result<std::string> model_or_builtin(const std::string& model);

}  // namespace moxie::program
