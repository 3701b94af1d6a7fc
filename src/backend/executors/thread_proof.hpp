// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include <moxie/core/status.hpp>

namespace moxie::inline abi1 {

/// Shows that the system lends `count` threads at once, by making that many and joining them.
Status prove_threads(std::string_view where, std::size_t count) noexcept;

/// The error of a system that refused a thread after `made` of `wanted`.
Status refused_threads(std::string_view where, std::size_t wanted, std::size_t made) noexcept;

}  // namespace moxie
