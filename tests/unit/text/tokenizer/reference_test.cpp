// SPDX-License-Identifier: Apache-2.0
// tests/data/tokenizers: small vocabularies with the ids that the `tokenizers` library gives
// (tests/differential/compare_tokenizers.py made them).
#include "support/catch.hpp"
#include "support/data.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "read_text.hpp"
#include "small_tokenizer.hpp"

namespace moxie::test {

TEST_CASE("ids and texts are those of the tokenizers library") {
  const std::filesystem::path root = moxie::test::test_data() / "tokenizers";
  const std::string text = read_text(root / "text.txt");
  std::size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    if (!entry.is_directory()) continue;
    ++cases;
    INFO(entry.path().filename().string());
    const Tokenizer tokenizer = Tokenizer::load(entry.path()).value();
    const Json expected = Json::parse(read_text(entry.path() / "expected.json"));
    const auto ids = tokenizer.encode(text).value();
    REQUIRE(ids.size() > 500);
    CHECK(ids == expected["ids"].get<std::vector<TokenId>>());
    // Tokens that the library decodes to their normalized form.
    const auto left_out = expected["left_out"].get<std::vector<TokenId>>();
    std::vector<TokenId> few;
    std::copy_if(ids.begin(), ids.end(), std::back_inserter(few),
                 [&](TokenId id) { return std::find(left_out.begin(), left_out.end(), id) == left_out.end(); });
    CHECK(tokenizer.decode(few).value() == expected["decoded"].get<std::string>());
  }
  CHECK(cases >= 30);
}

}  // namespace moxie::test
