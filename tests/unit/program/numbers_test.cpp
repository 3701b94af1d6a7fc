// SPDX-License-Identifier: Apache-2.0
#include "numbers.hpp"

#include <string>
#include <vector>

#include "suggestion.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::program;

TEST_CASE("whole numbers are read to their last digit, within their range, and nothing else is one") {
  CHECK(parse_whole("-n", "0", {}).value() == 0);
  CHECK(parse_whole("-n", "2147483647", {}).value() == 2147483647);
  CHECK(parse_whole("--seed", "18446744073709551615", {.least = 0, .most = UINT64_MAX}).value() == UINT64_MAX);
  for (const char* text : {"", " ", "-5", "-1", "+5", " 5", "5 ", "5x", "x", "1e3", "1.0", "0x10", "2147483648",
                           "99999999999999999999", "18446744073709551616", "-18446744073709551615", "nan"}) {
    const Status status = parse_whole("--max-tokens", text, {}).status();
    CAPTURE(text);
    CHECK(status.code() == Code::kInvalidArgument);
    CHECK(status.where() == "--max-tokens");
    CHECK(status.needed() == "a whole number from 0 to 2147483647");
    CHECK(status.came() == (*text == '\0' ? "nothing" : text));
  }
  CHECK_FALSE(parse_whole("-r", "0", {.least = 1}).ok());
  CHECK_FALSE(parse_whole("-r", "4097", {.least = 1, .most = 4096}).ok());
}

TEST_CASE("real numbers are finite and within their range") {
  CHECK(parse_real("--temperature", "0", {}).value() == 0);
  CHECK(parse_real("--temperature", "0.7", {}).value() == 0.7);
  CHECK(parse_real("--temperature", "1e-3", {}).value() == 0.001);
  for (const char* text : {"", "-0.1", "nan", "inf", "-inf", "1e999", "0.7x", "zero", "0,7"}) {
    CAPTURE(text);
    CHECK(parse_real("--temperature", text, {}).status().needed() == "a number of at least 0");
  }
  const Real share{.least = 0, .most = 1, .above = true};
  CHECK(parse_real("--top-p", "1", share).ok());
  CHECK(parse_real("--top-p", "0", share).status().needed() == "a number above 0 and at most 1");
  CHECK(parse_real("--top-p", "1.0001", share).status().came() == "1.0001");
}

TEST_CASE("sizes count in 1024s, and one that 64 bits do not hold is refused") {
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  CHECK(parse_size("--memory", "64", kMiB).value() == 64 * kMiB);
  CHECK(parse_size("--budget", "64", 1).value() == 64);
  for (const char* text : {"8G", "8g", "8GB", "8GiB", "8192M", "8388608K", "8192"}) {
    CAPTURE(text);
    CHECK(parse_size("--memory", text, kMiB).value() == std::uint64_t{8} << 30);
  }
  CHECK(parse_size("--memory", "2T", kMiB).value() == std::uint64_t{2} << 40);
  CHECK(parse_size("--budget", "18446744073709551615", 1).value() == UINT64_MAX);
  CHECK(parse_size("--memory", "17592186044415", kMiB).ok());
  for (const char* text : {"", "0", "0G", "G", "-8G", "8X", "8GG", "8Gi8", "8 G", "1.5G", "17592186044416",
                           "18446744073709551615", "16777216T", "99999999999999999999", "8BG", "8iB"}) {
    CAPTURE(text);
    CHECK(parse_size("--memory", text, kMiB).status().code() == Code::kInvalidArgument);
  }
}

TEST_CASE("token ids are whole numbers between commas, at least one") {
  CHECK(parse_ids("--tokens", "1").value() == std::vector<TokenId>{1});
  CHECK(parse_ids("--tokens", "1,0,2147483647").value() == std::vector<TokenId>{1, 0, 2147483647});
  for (const char* text : {"", ",", "1,", ",1", "1,,2", "1 2", "1, 2", "-1", "2147483648", "1,x"}) {
    CAPTURE(text);
    CHECK(parse_ids("--tokens", text).status().code() == Code::kInvalidArgument);
  }
}

TEST_CASE("a slip of the hand gets what was meant, and another word nothing") {
  const std::vector<std::string> commands = {"info", "logits", "run", "chat", "bench", "convert", "tokenize"};
  CHECK(nearest("rnu", commands) == "run");
  CHECK(nearest("caht", commands) == "chat");
  CHECK(nearest("chatt", commands) == "chat");
  CHECK(nearest("convret", commands) == "convert");
  CHECK(nearest("benchmark", commands) == "bench");
  CHECK(nearest("tok", commands) == "tokenize");
  CHECK(nearest("serve", commands).empty());
  CHECK(nearest("-x", std::vector<std::string>{"-p"}).empty());
  CHECK(nearest("", commands).empty());
  CHECK(did_you_mean("--promt", std::vector<std::string>{"--top-p", "--prompt"}) == "; did you mean --prompt?");
  CHECK(did_you_mean("--colour", std::vector<std::string>{"--top-p", "--prompt"}).empty());
}
