// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <moxie/backend/backend.hpp>

namespace moxie::inline abi1::model {

/// See Model::numerics(). `by_onednn`: whether oneDNN carries any product. Lets std::bad_alloc through.
std::string numerics(const Backend& backend, bool by_onednn);

}  // namespace moxie::model
