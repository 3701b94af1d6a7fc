// SPDX-License-Identifier: Apache-2.0
#include <moxie/core/text.hpp>

#include <cstdint>
#include <limits>
#include <string>

#include "support/catch.hpp"

using namespace moxie;

TEST_CASE("a text is put together from words and numbers") {
  CHECK(Text("[", 3, ", ", std::size_t{8}, "] ", -1, ' ', true).view() == "[3, 8] -1 true");
  CHECK(Text(std::numeric_limits<std::uint64_t>::max()).view() == "18446744073709551615");
  CHECK(Text(std::numeric_limits<std::int64_t>::min()).view() == "-9223372036854775808");
  CHECK(Text().view().empty());
}

TEST_CASE("a text writes a float with its own digits") {
  CHECK(Text(0.1f).view() == "0.1");
  CHECK(Text(0.1).view() == "0.1");
  CHECK(Text(static_cast<double>(0.1f)).view() == "0.10000000149011612");
  CHECK(Text(std::numeric_limits<float>::infinity()).view() == "inf");
}

TEST_CASE("a text that is too long is cut and says so") {
  const std::string fits(Text::kCapacity, 'a');
  CHECK(Text(fits).view() == fits);
  const std::string cut = std::string(Text::kCapacity - 3, 'a') + "...";
  CHECK(Text(fits, 'b').view() == cut);
  CHECK(Text(fits, 1, "more", 2.5).view() == cut);
}
