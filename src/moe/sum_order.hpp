// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace moxie::inline abi1::moe {

/// The version of the order in which the outputs of experts are added, as backend/sum_orders.hpp has others: MoeLayer's
/// and FusedBank's, which are one.
inline constexpr unsigned kExpertSumOrder = 1;

}  // namespace moxie::moe
