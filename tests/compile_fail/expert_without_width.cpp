// SPDX-License-Identifier: Apache-2.0
// An expert that does not say how wide it is.
// says: Expert
// says: width
#include <moxie/expert/any_expert.hpp>

struct Mine {
#ifdef FIXED
  std::size_t width() const noexcept { return 4; }
#endif
  std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  moxie::Status run(moxie::ConstRows, moxie::Rows, moxie::Workspace&) const { return {}; }
};

int main() { return moxie::AnyExpert::create(Mine{}).ok() ? 0 : 1; }
