// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "backend/linear_body.hpp"

namespace moxie::inline abi1::backend {

/// Element types of weights: a bit for each.
using TypeSet = std::uint64_t;
[[nodiscard]] constexpr TypeSet set_of(ElementType type) noexcept { return TypeSet{1} << static_cast<unsigned>(type); }

/// What a product is made from.
struct ProductRequest {
  const Backend& backend;
  const Weights& weights;
  std::span<const float> bias;
  const Packing& packing;
};

/// One implementation of y = x W^T + b, and what it requires.
struct ProductImplementation {
  std::string_view name;  ///< what Linear::path() of its products begins with
  MatmulPath path;        ///< it runs where this or kAuto is asked for; the path onednn requires oneDNN
  Isa isa;                ///< the least level that has its instructions
  TypeSet types;          ///< weights that it takes in rows
  TypeSet tiled;          ///< weights that it takes as pack_tiles() writes them
  /// kUnsupported: it cannot run this product, and the next may.
  BodyResult (*create)(const ProductRequest& request);
};

/// All of them, best first. Exported for tests alone.
[[nodiscard]] MOXIE_API std::span<const ProductImplementation> product_list() noexcept;

/// The first of the list that can run the product. Where none can: what the first that tried lacked or, where none was
/// to be tried, which weights the path takes (kUnsupported).
BodyResult make_product(const ProductRequest& request);

}  // namespace moxie::backend
