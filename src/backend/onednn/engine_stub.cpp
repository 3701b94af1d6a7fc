// SPDX-License-Identifier: Apache-2.0
#include "backend/onednn/engine.hpp"

namespace moxie::inline abi1::backend {

Result<std::shared_ptr<const Engine>> Engine::create(Isa) {
  return Status(Code::kUnsupported, "Backend", "a build with MOXIE_ONEDNN=ON for the path onednn",
                "MOXIE_ONEDNN=OFF (here: native, reference)");
}

std::string Engine::version() { return "not in this build (MOXIE_ONEDNN=OFF)"; }
std::string Engine::isa_in_force() { return "none"; }

}  // namespace moxie::backend
