// SPDX-License-Identifier: Apache-2.0
// An error cannot be dropped by oversight.
// says: nodiscard
#include <moxie/core/status.hpp>

moxie::Status step() { return {}; }

int main() {
#ifdef FIXED
  return step().ok() ? 0 : 1;
#else
  step();
#endif
}
