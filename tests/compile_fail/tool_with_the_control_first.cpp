// SPDX-License-Identifier: Apache-2.0
// The control comes behind the arguments.
// says: at the end perhaps const moxie::ToolControl&
#include <moxie/tool/tool.hpp>

using X = moxie::Arg<"x", int>;

int main() {
#ifdef FIXED
  const auto tool = moxie::tool("wait", "", [](X x, const moxie::ToolControl&) { return *x; });
#else
  const auto tool = moxie::tool("wait", "", [](const moxie::ToolControl&, X x) { return *x; });
#endif
  return tool.name().empty() ? 1 : 0;
}
