// SPDX-License-Identifier: Apache-2.0
// Tools are called from many threads at once, so they are called as const.
// says: const-callable
#include <atomic>
#include <memory>

#include <moxie/tool/tool.hpp>

int main() {
#ifdef FIXED
  const auto calls = std::make_shared<std::atomic<int>>(0);
  const auto tool = moxie::tool("count", "", [calls] { return ++*calls; });
#else
  const auto tool = moxie::tool("count", "", [calls = 0]() mutable { return ++calls; });
#endif
  return tool.name().empty() ? 1 : 0;
}
