// SPDX-License-Identifier: Apache-2.0
#include "model/load/numerics.hpp"

#if __has_include(<gnu/libc-version.h>)
#include <gnu/libc-version.h>
#endif

#include "backend/onednn/engine.hpp"
#include "backend/sum_orders.hpp"
#include "moe/sum_order.hpp"

namespace moxie::inline abi1::model {

namespace {

/// The rotary embedding takes its angles from there.
std::string libm() {
#if __has_include(<gnu/libc-version.h>)
  return std::string("glibc ") + gnu_get_libc_version();
#else
  return "of the system";
#endif
}

}  // namespace

std::string numerics(const Backend& backend, bool by_onednn) {
  const auto order = [](const char* what, unsigned version) {
    return std::string(what) + " " + std::to_string(version) + "; ";
  };
  const bool reference = backend.matmul() == MatmulPath::kReference;
  const std::string library =
      by_onednn ? "onednn " + backend::Engine::version() + " " + backend::Engine::isa_in_force() + "; " : "";
  return "cpu; " + library + order(reference ? "reference products" : "products", backend::kFloatProductOrder) +
         order("quantized products", backend::kQuantizedProductOrder) + order("reductions", backend::kReductionOrder) +
         order("attention", backend::kAttentionOrder) + order("experts", moe::kExpertSumOrder) + "libm " + libm();
}

}  // namespace moxie::model
