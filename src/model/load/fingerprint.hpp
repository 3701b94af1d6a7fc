// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <moxie/format/checkpoint.hpp>

namespace moxie::inline abi1::model {

/// See Model::fingerprint().
std::uint64_t fingerprint(const Checkpoint& checkpoint) noexcept;

}  // namespace moxie::model
