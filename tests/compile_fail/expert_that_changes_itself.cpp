// SPDX-License-Identifier: Apache-2.0
// run() is called at once from many threads: it is const.
// says: Expert
// says: run
#include <moxie/expert/expert.hpp>

struct Mine {
  std::size_t width() const noexcept { return 4; }
  std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
#ifdef FIXED
  moxie::Status run(moxie::ConstRows, moxie::Rows, moxie::Workspace&) const { return {}; }
#else
  moxie::Status run(moxie::ConstRows, moxie::Rows, moxie::Workspace&) { return {}; }
#endif
};

static_assert(moxie::Expert<Mine>);
int main() {}
