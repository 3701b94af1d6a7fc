// SPDX-License-Identifier: Apache-2.0
// A list of what has no schema.
// says: a vector of a type that has no schema
#include <moxie/tool/tool.hpp>

#ifdef FIXED
using Item = int;
#else
using Item = const void*;
#endif

int main() {
  const auto tool = moxie::tool("count", "", [](moxie::Arg<"x", std::vector<Item>> x) { return x->size(); });
  return tool.name().empty() ? 1 : 0;
}
