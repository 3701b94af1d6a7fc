// SPDX-License-Identifier: Apache-2.0
#include <moxie/kernel/numerics.hpp>

#include <new>
#include <string_view>

#include <moxie/backend/kv_view.hpp>

#include "backend/access.hpp"
#include "kernel/weights.hpp"
#include "model/load/fnv_hash.hpp"
#include "model/load/numerics.hpp"

namespace moxie::inline abi1 {

namespace {

Numerics with_kernel(std::string text, KvType kv_type) {
  text += "; kv ";
  text += name(kv_type);
  text += "; sampling " + std::to_string(kernel::kSamplingOrder);
  model::FnvHash hash;
  hash.add(std::string_view(text));
  return {.text = std::move(text), .id = hash.value()};
}

Status no_memory() noexcept {
  return Status(Code::kNoMemory, "numerics", "memory for a line of text", "a refusal from the system");
}

}  // namespace

Result<Numerics> numerics(const Model& model, KvType kv_type) noexcept try {
  return with_kernel(std::string(model.numerics()), kv_type);
} catch (const std::bad_alloc&) {
  return no_memory();
}

Result<Numerics> numerics(const Backend& backend, KvType kv_type) noexcept try {
  return with_kernel(model::numerics(backend, BackendAccess::engine(backend) != nullptr), kv_type);
} catch (const std::bad_alloc&) {
  return no_memory();
}

}  // namespace moxie
