// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <thread>
#include <vector>

#include "small_tokenizer.hpp"
#include "support/catch.hpp"

namespace moxie::test {

TEST_CASE("one tokenizer serves many threads") {
  const Tokenizer tokenizer = small_tokenizer();
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "abc ab  <tool> caba" + std::to_string(i);
  const std::vector<TokenId> expected = tokenizer.encode(text).value();
  std::vector<int> same(4, 0);
  std::vector<std::thread> threads;
  for (int& one : same) {
    threads.emplace_back([&one, &text, &expected, copy = tokenizer] { one = copy.encode(text).value() == expected; });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(same == std::vector<int>(4, 1));
}

}  // namespace moxie::test
