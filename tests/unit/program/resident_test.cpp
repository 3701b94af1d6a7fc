// SPDX-License-Identifier: Apache-2.0
#include "resident.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "support/catch.hpp"

using moxie::Code;
using moxie::program::resident_memory;
using moxie::program::resident_of;

TEST_CASE("resident: what the system says, huge pages of every kind added") {
  const auto all = resident_of(
      "55a998274000-7ffdcf770000 ---p 00000000 00:00 0    [rollup]\n"
      "Rss:             2000000 kB\nPss:                 507 kB\nAnonHugePages:      4096 kB\n"
      "ShmemPmdMapped:     2048 kB\nFilePmdMapped:   1024000 kB\n");
  REQUIRE(all.ok());
  CHECK(all->bytes == 2000000ULL * 1024);
  CHECK(all->huge == (4096ULL + 2048 + 1024000) * 1024);

  const auto none = resident_of("Rss: 12 kB");
  REQUIRE(none.ok());
  CHECK(none->bytes == 12 * 1024);
  CHECK(none->huge == 0);
}

TEST_CASE("resident: a text that does not say it is refused") {
  for (const std::string text :
       {"", "Rss", "Rss:", "Rss:    \n", "Rss: kB", "Rss: -1 kB", "Rss: 12 MB", "Rss: 12 kB more", "PRss: 12 kB",
        "Rss: 99999999999999999999999 kB", "Rss: 18446744073709551615 kB",
        "Rss: 10 kB\nAnonHugePages: 8 kB\nFilePmdMapped: 8 kB"}) {
    CAPTURE(text);
    CHECK(resident_of(text).status().code() == Code::kFormat);
  }
}

TEST_CASE("resident: memory that is touched is counted") {
  const auto before = resident_memory();
  if (!before.ok()) {
    WARN("the system does not say what is resident");
    return;
  }
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  std::vector<char> memory(kBytes, 1);
  const auto after = resident_memory();
  REQUIRE(after.ok());
  CHECK(after->bytes >= before->bytes + kBytes * 9 / 10);
  CHECK(after->huge <= after->bytes);
  CHECK(std::count(memory.begin(), memory.end(), 1) == static_cast<std::ptrdiff_t>(kBytes));
}
