// SPDX-License-Identifier: Apache-2.0
// says: Router
// says: num_logits
#include <moxie/testing/router_laws.hpp>

struct Mine {
  static constexpr bool row_local = true;
  std::size_t num_experts() const noexcept { return 2; }
  std::size_t experts_per_token() const noexcept { return 1; }
  std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
#ifdef FIXED
  std::size_t num_logits() const noexcept { return 3; }
#else
  std::size_t num_logits() const { return 3; }
#endif
  moxie::Status route(const moxie::RouteIn&, moxie::RouteOut, moxie::Workspace&) const { return {}; }
};

int main() { return moxie::testing::check_router_laws(Mine{}).ok() ? 0 : 1; }
