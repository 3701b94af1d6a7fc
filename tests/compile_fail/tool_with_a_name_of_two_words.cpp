// SPDX-License-Identifier: Apache-2.0
// A name that chat interfaces refuse.
// says: a_tool_is_named_by_1_to_64_letters_digits_underscores_or_hyphens
#include <moxie/tool/tool.hpp>

int main() {
#ifdef FIXED
  const auto tool = moxie::tool("read_file", "", [] { return 1; });
#else
  const auto tool = moxie::tool("read file", "", [] { return 1; });
#endif
  return tool.name().empty() ? 1 : 0;
}
