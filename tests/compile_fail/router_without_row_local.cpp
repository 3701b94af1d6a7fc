// SPDX-License-Identifier: Apache-2.0
// A router says whether a row's choice depends on that row alone; nobody guesses.
// says: Router
// says: row_local
#include <moxie/router/any_router.hpp>

struct Mine {
#ifdef FIXED
  static constexpr bool row_local = true;
#endif
  std::size_t num_experts() const noexcept { return 2; }
  std::size_t experts_per_token() const noexcept { return 1; }
  std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  moxie::Status route(const moxie::RouteIn&, moxie::RouteOut, moxie::Workspace&) const { return {}; }
};

int main() { return moxie::AnyRouter::create(Mine{}).ok() ? 0 : 1; }
