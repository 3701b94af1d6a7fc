// SPDX-License-Identifier: Apache-2.0
// An argument whose name is empty.
// says: an argument needs a name of plain text
#include <moxie/tool/tool.hpp>

#ifdef FIXED
using City = moxie::Arg<"city", std::string>;
#else
using City = moxie::Arg<"", std::string>;
#endif

int main() {
  const auto tool = moxie::tool("weather", "Weather", [](City city) { return *city; });
  return tool.name().empty() ? 1 : 0;
}
