// SPDX-License-Identifier: Apache-2.0
// A task runs on threads of the host, where nobody could catch what it throws.
// says: (TaskRef|constraint|no matching)
#include <moxie/core/executor.hpp>

int main() {
  moxie::SerialExecutor executor;
#ifdef FIXED
  auto task = [](std::size_t, std::size_t) noexcept {};
#else
  auto task = [](std::size_t, std::size_t) {};
#endif
  return executor.run(1, moxie::TaskRef(task)).ok() ? 0 : 1;
}
