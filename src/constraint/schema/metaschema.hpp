// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace moxie::inline abi1::constraint {

/// The meta-schemas of draft 2020-12, by URI without a fragment; empty: not one of them.
std::string_view metaschema(std::string_view uri) noexcept;

}  // namespace moxie::constraint
