// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/core/views.hpp>

// What people type where a number is wanted. Every number of the command line comes through here.

namespace moxie::program {

/// Both ends are in it.
struct Whole {
  std::uint64_t least = 0;
  std::uint64_t most = std::numeric_limits<std::int32_t>::max();
};

struct Real {
  double least = 0;
  double most = std::numeric_limits<double>::max();
  bool above = false;  ///< `least` itself is not in it
};

/// Errors   kInvalidArgument, with `option` as its where.
Result<std::uint64_t> parse_whole(std::string_view option, std::string_view text, Whole range);
Result<double> parse_real(std::string_view option, std::string_view text, Real range);
/// Bytes: 512M, 8G, 1T, in 1024s; a number alone counts `unit` bytes. 0 is none.
Result<std::uint64_t> parse_size(std::string_view option, std::string_view text, std::uint64_t unit);
/// Token ids, separated by commas.
Result<std::vector<TokenId>> parse_ids(std::string_view option, std::string_view text);

}  // namespace moxie::program
