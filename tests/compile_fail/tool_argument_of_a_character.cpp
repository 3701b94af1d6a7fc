// SPDX-License-Identifier: Apache-2.0
// A character is neither a number nor a text, and a tool says which one it means.
// says: an argument of a type that has no schema
#include <moxie/tool/tool.hpp>

#ifdef FIXED
using Letter = std::string;
#else
using Letter = char;
#endif

int main() {
  const auto tool = moxie::tool("spell", "", [](moxie::Arg<"letter", Letter>) { return true; });
  return tool.name().empty() ? 1 : 0;
}
