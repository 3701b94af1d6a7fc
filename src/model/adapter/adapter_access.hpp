// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <moxie/expert/low_rank.hpp>
#include <moxie/model/adapter.hpp>

#include "model/run/matrix.hpp"

namespace moxie::inline abi1::model {

/// A matrix of one expert: 0 gate, 1 up, 2 down.
struct ExpertMatrix {
  std::size_t expert = 0;
  std::size_t which = 0;
};

/// One matrix that an adapter changes.
struct AdapterTarget {
  std::string name;  ///< of the module, for errors
  std::size_t layer = 0;
  std::variant<Matrix, ExpertMatrix> matrix;
  LowRank change;
};

struct AdapterParts {
  std::vector<AdapterTarget> targets;
  std::size_t rank = 0;
  std::uint64_t hash = 0;
};

struct AdapterAccess {
  static const AdapterParts& parts(const Adapter& adapter) noexcept { return *adapter.parts_; }
};

}  // namespace moxie::model
