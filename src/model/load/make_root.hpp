// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <moxie/model/root.hpp>

namespace moxie::inline abi1::model {

/// See checkpoint_root(). `release`: nobody else reads this checkpoint's mapped pages. Lets std::bad_alloc through.
Result<Digest> make_root(const Checkpoint& checkpoint, const RootOptions& options, bool release);

Status no_memory_for_root() noexcept;

}  // namespace moxie::model
