// SPDX-License-Identifier: Apache-2.0
// says: Bank
// says: size
#include <moxie/moe/moe_layer.hpp>
#include <moxie/router/top_k.hpp>

struct Mine {
#ifdef FIXED
  std::size_t size() const noexcept { return 2; }
#endif
  std::size_t width() const noexcept { return 4; }
  std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  moxie::Status run(std::size_t, moxie::ConstRows, moxie::Rows, moxie::Workspace&) const { return {}; }
};

using Layer = moxie::MoeLayer<moxie::TopK, Mine>;
int main() { return sizeof(Layer) != 0 ? 0 : 1; }
