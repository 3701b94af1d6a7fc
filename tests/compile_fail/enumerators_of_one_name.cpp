// SPDX-License-Identifier: Apache-2.0
// Two values of an enum that JSON could not tell apart.
// says: an_enumerators_name_is_plain_text_of_its_own
#include <moxie/tool/described.hpp>

enum class Unit { kMetric, kImperial };
#ifdef FIXED
#define SECOND "imperial"
#else
#define SECOND "metric"
#endif
template <>
inline constexpr auto moxie::described<Unit> = moxie::enumerators<Unit>({{"metric", Unit::kMetric},
                                                                         {SECOND, Unit::kImperial}});

int main() { return 0; }
