// SPDX-License-Identifier: Apache-2.0
// Two arguments that JSON could not tell apart.
// says: two arguments of one name
#include <moxie/tool/tool.hpp>

#ifdef FIXED
using To = moxie::Arg<"to", int>;
#else
using To = moxie::Arg<"from", int>;
#endif

int main() {
  const auto tool = moxie::tool("between", "", [](moxie::Arg<"from", int> from, To to) { return *to - *from; });
  return tool.name().empty() ? 1 : 0;
}
