// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <moxie/backend/backend.hpp>
#include <moxie/backend/kv_type.hpp>
#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/model/model.hpp>

namespace moxie::inline abi1 {

/// Everything besides checkpoint and input that can change a bit of an answer.
struct Numerics {
  std::string text;      ///< Model::numerics(), the type of keys and values, and the version of sampling
  std::uint64_t id = 0;  ///< a hash of it
};

/// Of a model whose contexts keep keys and values as `kv_type`.
///
/// Errors   kNoMemory.
/// Source   docs/design/018-identity.md
MOXIE_API Result<Numerics> numerics(const Model& model, KvType kv_type) noexcept;
/// Of any model on that backend: where oneDNN is there, as if it carried some of its products.
MOXIE_API Result<Numerics> numerics(const Backend& backend, KvType kv_type) noexcept;

}  // namespace moxie
