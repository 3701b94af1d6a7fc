// SPDX-License-Identifier: Apache-2.0
// Sizes are asked where nothing may throw.
// says: Expert
// says: noexcept
#include <moxie/expert/expert.hpp>

struct Mine {
#ifdef FIXED
  std::size_t width() const noexcept { return 4; }
#else
  std::size_t width() const { return 4; }
#endif
  std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  moxie::Status run(moxie::ConstRows, moxie::Rows, moxie::Workspace&) const { return {}; }
};

static_assert(moxie::Expert<Mine>);
int main() {}
