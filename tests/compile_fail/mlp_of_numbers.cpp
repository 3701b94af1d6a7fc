// SPDX-License-Identifier: Apache-2.0
// says: LinearOp
#include <moxie/expert/gated_mlp.hpp>

struct Linear {
  std::size_t in_width() const noexcept { return 4; }
  std::size_t out_width() const noexcept { return 4; }
  std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  moxie::Status apply(moxie::ConstRows, moxie::Rows, moxie::Workspace&) const { return {}; }
};

#ifdef FIXED
using Mlp = moxie::GatedMlp<Linear>;
#else
using Mlp = moxie::GatedMlp<float>;
#endif

int main() { return sizeof(Mlp) != 0 ? 0 : 1; }
