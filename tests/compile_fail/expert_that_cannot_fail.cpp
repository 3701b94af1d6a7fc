// SPDX-License-Identifier: Apache-2.0
// An expert that returns nothing would have to hide wrong shapes.
// says: Expert
// says: Status
#include <moxie/moe/bank.hpp>

struct Mine {
  std::size_t width() const noexcept { return 4; }
  std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
#ifdef FIXED
  moxie::Status run(moxie::ConstRows, moxie::Rows, moxie::Workspace&) const { return {}; }
#else
  void run(moxie::ConstRows, moxie::Rows, moxie::Workspace&) const {}
#endif
};

int main() { return moxie::ExpertBank<Mine>::create({Mine{}}).ok() ? 0 : 1; }
