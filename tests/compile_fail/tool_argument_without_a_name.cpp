// SPDX-License-Identifier: Apache-2.0
// A tool whose parameter says nothing about what it is called in JSON.
// says: an argument without a name
#include <moxie/tool/tool.hpp>

#ifdef FIXED
using City = moxie::Arg<"city", std::string>;
std::string text(const City& city) { return *city; }
#else
using City = std::string;
std::string text(const City& city) { return city; }
#endif

int main() {
  const auto tool = moxie::tool("weather", "Weather", [](const City& city) { return text(city); });
  return tool.name().empty() ? 1 : 0;
}
