// SPDX-License-Identifier: Apache-2.0
// says: Router
// says: route
#include <moxie/testing/router_laws.hpp>

struct Mine {
  static constexpr bool row_local = true;
  std::size_t num_experts() const noexcept { return 2; }
  std::size_t experts_per_token() const noexcept { return 1; }
  std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
#ifdef FIXED
  moxie::Status route(const moxie::RouteIn&, moxie::RouteOut, moxie::Workspace&) const { return {}; }
#else
  bool route(const moxie::RouteIn&, moxie::RouteOut, moxie::Workspace&) const { return true; }
#endif
};

int main() { return moxie::testing::check_router_laws(Mine{}).ok() ? 0 : 1; }
