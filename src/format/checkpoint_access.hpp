// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <moxie/format/checkpoint.hpp>

#include "format/file.hpp"

namespace moxie::inline abi1::format {

/// What moxie needs of a Checkpoint and a host does not.
struct CheckpointAccess {
  /// The state of each file with tensors when it was opened, in their order. Lets std::bad_alloc through.
  static std::vector<FileIdentity> files(const Checkpoint& checkpoint);
};

}  // namespace moxie::format
