// SPDX-License-Identifier: Apache-2.0
#include "backend/executors/kinds.hpp"

namespace moxie::inline abi1 {

bool openmp_available() noexcept { return false; }

Result<std::unique_ptr<Executor>> make_openmp_executor(std::size_t) noexcept {
  return Status(Code::kUnsupported, "OpenMP executor", "a build with MOXIE_OPENMP=ON",
                "MOXIE_OPENMP=OFF, available: threads, serial");
}

}  // namespace moxie
