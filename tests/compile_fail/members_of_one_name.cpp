// SPDX-License-Identifier: Apache-2.0
// Two members of a struct that JSON could not tell apart.
// says: two members of one name
#include <moxie/tool/described.hpp>

struct Point {
  int x;
  int y;
};
#ifdef FIXED
#define SECOND "y"
#else
#define SECOND "x"
#endif
template <>
inline constexpr auto moxie::described<Point> = moxie::members(moxie::member<"x">(&Point::x),
                                                               moxie::member<SECOND>(&Point::y));

int main() { return 0; }
