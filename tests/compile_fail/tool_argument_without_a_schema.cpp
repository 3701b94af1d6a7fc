// SPDX-License-Identifier: Apache-2.0
// An argument of a type that nobody described.
// says: an argument of a type that has no schema
// says: Point
#include <moxie/tool/tool.hpp>

struct Point {
  int x;
  int y;
};
#ifdef FIXED
template <>
inline constexpr auto moxie::described<Point> = moxie::members(moxie::member<"x">(&Point::x),
                                                               moxie::member<"y">(&Point::y));
#endif

int main() {
  const auto tool = moxie::tool("sum", "", [](moxie::Arg<"at", Point> at) { return at->x + at->y; });
  return tool.name().empty() ? 1 : 0;
}
