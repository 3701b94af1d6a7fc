// SPDX-License-Identifier: Apache-2.0
#include "backend/product_list.hpp"

#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/text.hpp>

#include "backend/access.hpp"
#include "backend/onednn/engine.hpp"
#include "backend/quant/kernels/tile_format.hpp"

namespace moxie::inline abi1::backend {

namespace {

constexpr TypeSet quantized_types() noexcept {
  TypeSet types = 0;
  for (std::size_t i = 0; i < std::size(detail::kElementTraits); ++i) {
    if (is_quantized(static_cast<ElementType>(i))) types |= set_of(static_cast<ElementType>(i));
  }
  return types;
}

constexpr TypeSet kNone = 0;
constexpr TypeSet kF32 = set_of(ElementType::kF32);
constexpr TypeSet kBF16 = set_of(ElementType::kBF16);
constexpr TypeSet kHalves = kBF16 | set_of(ElementType::kF16);
constexpr TypeSet kFloats = kF32 | kHalves;
constexpr TypeSet kQuantized = quantized_types();

BodyResult onednn(const ProductRequest& r) {
  return BackendAccess::engine(r.backend)->make_linear(r.weights, r.bias, r.packing);
}
template <const Ops& kOps>
BodyResult native(const ProductRequest& r) {
  return make_native_linear(kOps, r.weights, r.bias, r.packing);
}
template <const quant::QuantOps& kOps>
BodyResult quantized(const ProductRequest& r) {
  return make_quant_linear(kOps, r.weights, r.bias, r.packing);
}
BodyResult reference(const ProductRequest& r) { return make_reference_linear(r.weights, r.bias, r.packing); }

using enum MatmulPath;
using enum Isa;

// clang-format off
constexpr ProductImplementation kList[] = {
    // name                path        least ISA    rows of     tiles of    create
    {"onednn",             kOneDnn,    kPortable,   kF32,       kNone,      onednn},
#if defined(MOXIE_X86_PATHS)
    {"native avx512",      kNative,    kAvx512,     kFloats,    kHalves,    native<kAvx512Ops>},
    {"native avx2",        kNative,    kAvx2,       kFloats,    kHalves,    native<kAvx2Ops>},
#endif
    {"native portable",    kNative,    kPortable,   kFloats,    kHalves,    native<kPortableOps>},
    // Behind the native kernels, because it widens every tile to f32 before each use.
    {"onednn",             kOneDnn,    kPortable,   kBF16,      kNone,      onednn},
#if defined(MOXIE_X86_PATHS)
    {"native avx512vnni",  kNative,    kAvx512Vnni, kQuantized, kQuantized, quantized<quant::kVnniQuantOps>},
    // Without VNNI, AVX-512 multiplies bytes no faster than AVX2 does, so kAvx512 has these too.
    {"native avx2",        kNative,    kAvx2,       kQuantized, kQuantized, quantized<quant::kAvx2QuantOps>},
#endif
    {"native portable",    kNative,    kPortable,   kQuantized, kQuantized, quantized<quant::kPortableQuantOps>},
    // The references: plain loops over floats, and for blocks the portable kernels, whose integer sums are exact.
    {"native portable",    kReference, kPortable,   kQuantized, kQuantized, quantized<quant::kPortableQuantOps>},
    {"reference",          kReference, kPortable,   kFloats,    kNone,      reference},
};
// clang-format on

/// Whether it may run on this backend, for some weights.
bool is_allowed(const ProductImplementation& entry, const Backend& backend) noexcept {
  const bool is_asked = backend.matmul() == kAuto || backend.matmul() == entry.path;
  return is_asked && backend.isa() >= entry.isa && (entry.path != kOneDnn || BackendAccess::engine(backend) != nullptr);
}

/// "F32, BF16 or a block-quantized type".
std::string list_types(TypeSet types) {
  std::vector<std::string_view> names;
  for (const ElementType type : {ElementType::kF32, ElementType::kBF16, ElementType::kF16}) {
    if ((types & set_of(type)) != 0) names.push_back(name(type));
  }
  if ((types & kQuantized) != 0) names.emplace_back("a block-quantized type");
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    list += i == 0 ? "" : i + 1 < names.size() ? ", " : " or ";
    list += names[i];
  }
  return list;
}

Status refusal(const ProductRequest& request) {
  const bool tiled = request.weights.tiled;
  TypeSet types = 0;
  for (const ProductImplementation& entry : kList) {
    if (is_allowed(entry, request.backend)) types |= tiled ? entry.tiled : entry.types;
  }
  const Text path(" for the path ", name(request.backend.matmul()));
  return Status(Code::kUnsupported, "Linear::create",
                types == 0 ? Text("weights in rows", path.view())
                           : Text(tiled ? "tiles of " : "weights of ", list_types(types), path.view()),
                Text(tiled ? "tiles of " : "", name(request.weights.type)));
}

}  // namespace

std::span<const ProductImplementation> product_list() noexcept { return kList; }

BodyResult make_product(const ProductRequest& request) {
  const TypeSet type = set_of(request.weights.type);
  Status first_refusal;
  for (const ProductImplementation& entry : kList) {
    if (!is_allowed(entry, request.backend)) continue;
    if (((request.weights.tiled ? entry.tiled : entry.types) & type) == 0) continue;
    BodyResult body = entry.create(request);
    // Only "not this product" leads to the next one. A lack of memory must not: a model's bits would depend on how full
    // the machine was.
    if (body.ok() || body.status().code() != Code::kUnsupported) return body;
    if (first_refusal.ok()) first_refusal = body.status();
  }
  return first_refusal.ok() ? refusal(request) : first_refusal;
}

}  // namespace moxie::backend
