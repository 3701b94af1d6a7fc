// SPDX-License-Identifier: Apache-2.0
// What a tool answers must be text or have a form in JSON.
// says: a tool answers a std::string
#include <moxie/tool/tool.hpp>

int main() {
#ifdef FIXED
  const auto tool = moxie::tool("now", "", [] { return 1.5; });
#else
  const auto tool = moxie::tool("now", "", [] { return "text that may be gone by then"; });
#endif
  return tool.name().empty() ? 1 : 0;
}
