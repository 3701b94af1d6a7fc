// SPDX-License-Identifier: Apache-2.0
#include <moxie/kernel/constraint.hpp>

namespace moxie::inline abi1 {

TokenConstraint::~TokenConstraint() = default;

Result<std::span<const TokenId>> TokenConstraint::forced() { return std::span<const TokenId>(); }

Status TokenConstraint::rollback(std::size_t n) {
  if (n == 0) return {};
  return Status(Code::kUnsupported, "TokenConstraint::rollback", "a constraint that goes back",
                Text(n, " tokens, for one that does not"));
}

Result<std::vector<std::byte>> TokenConstraint::save() const {
  return Status(Code::kUnsupported, "TokenConstraint::save", "a constraint that can be saved", "one that cannot");
}

}  // namespace moxie
