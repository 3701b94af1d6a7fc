// SPDX-License-Identifier: Apache-2.0
// tests/data/tokenizers: small vocabularies with the ids that the `tokenizers` library gives
// (tests/differential/compare_tokenizers.py made them).
#include "support/catch.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "small_tokenizer.hpp"

namespace moxie::test {

namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(static_cast<std::size_t>(std::filesystem::file_size(path)), '\0');
  if (!in.read(text.data(), static_cast<std::streamsize>(text.size())))
    throw std::runtime_error("cannot read " + path.string());
  return text;
}

}  // namespace

TEST_CASE("ids and texts are those of the tokenizers library") {
  const std::filesystem::path root = std::filesystem::path(MOXIE_TEST_DATA) / "tokenizers";
  const std::string text = read(root / "text.txt");
  std::size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    if (!entry.is_directory()) continue;
    ++cases;
    INFO(entry.path().filename().string());
    const Tokenizer tokenizer = Tokenizer::load(entry.path()).value();
    const Json expected = Json::parse(read(entry.path() / "expected.json"));
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
