// SPDX-License-Identifier: Apache-2.0
// A schema comes from types, which a generic lambda does not have.
// says: which is no template
#include <moxie/tool/tool.hpp>

int main() {
#ifdef FIXED
  const auto tool = moxie::tool("double", "", [](moxie::Arg<"x", int> x) { return *x * 2; });
#else
  const auto tool = moxie::tool("double", "", [](auto x) { return *x * 2; });
#endif
  return tool.name().empty() ? 1 : 0;
}
