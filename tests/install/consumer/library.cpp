// SPDX-License-Identifier: Apache-2.0
// Calls what moxie::moxie compiles, one function or more of each layer, so that a name that is not
// exported, or a dependency that is not handed on, shows at link time.
#include <cstdio>

#include <moxie/core/result.hpp>
#include <moxie/core/version.hpp>

#if __has_include(<moxie/backend/backend.hpp>)
#include <moxie/backend/backend.hpp>
#endif

namespace {

moxie::Status use_everything() {
#if __has_include(<moxie/backend/backend.hpp>)
  MOXIE_TRY_LET(const moxie::Backend backend, moxie::Backend::create());
  MOXIE_TRY_LET(const moxie::BackendInfo info, backend.info());
  std::printf("isa %s, onednn %s\n", info.isa.c_str(), info.onednn.c_str());
#endif
  return {};
}

}  // namespace

int main() {
  const moxie::Status status = use_everything();
  if (!status.ok()) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()), status.message().data());
    return 1;
  }
  std::printf("moxie %d.%d.%d\n", MOXIE_VERSION_MAJOR, MOXIE_VERSION_MINOR, MOXIE_VERSION_PATCH);
  return 0;
}
