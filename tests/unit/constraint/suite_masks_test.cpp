// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <map>
#include <random>
#include <string>

#include <moxie/constraint/matcher.hpp>

#include "constraint/random_tokens.hpp"
#include "constraint/schema/json_tree.hpp"
#include "constraint/suite.hpp"
#include "support/catch.hpp"

using namespace moxie;

namespace {

/// The instance as masks would have it written.
std::string written(const std::string& instance) {
  const auto tree = constraint::JsonTree::parse(instance, "instance").value();
  std::string text;
  tree.write(constraint::JsonTree::kRoot, text);
  return text;
}

}  // namespace

TEST_CASE("masks decide the official suite without a mistake, and refuse the rest by keyword") {
  const auto tokens = test::tokens_from("", 0, 0);
  const Vocabulary vocabulary = test::vocabulary_of(tokens);
  const SchemaOptions options{.documents = test::suite_remotes()};
  std::size_t decided = 0;
  std::size_t refused = 0;
  std::map<std::string, std::size_t> reasons;
  std::map<std::string, Result<Grammar>> grammars;
  test::each_suite_test([&](const std::string& file, const auto& group, const auto& one) {
    CAPTURE(file, group["description"].dump(), one["description"].dump());
    const std::string schema = group["schema"].dump();
    auto known = grammars.find(schema);
    if (known == grammars.end()) {
      known =
          grammars.emplace(schema, Grammar::json_schema(Schema::compile(schema, options).value(), {.any_order = true}))
              .first;
    }
    const Result<Grammar>& grammar = known->second;
    bool accepted = false;
    if (grammar.ok()) {
      Matcher matcher = Matcher::create(*grammar, vocabulary).value();
      const Status status = matcher.accept_bytes(written(one["data"].dump()));
      if (!status.ok() && status.code() != Code::kInvalidArgument) FAIL(status.message());
      accepted = status.ok() && matcher.may_end();
    } else if (grammar.status().code() != Code::kInvalidArgument) {
      CHECK((grammar.status().code() == Code::kUnsupported || grammar.status().code() == Code::kBudget));
      ++refused;
      ++reasons[file + ": " + std::string(grammar.status().message())];
      return;
    }
    ++decided;
    CHECK(accepted == one["valid"].template get<bool>());
  });
  std::string all;
  for (const auto& [reason, count] : reasons) all += std::to_string(count) + " " + reason + "\n";
  if (std::getenv("MOXIE_SHOW_REFUSED") != nullptr) WARN(all);
  CHECK(decided + refused == 1299);
  CHECK(decided >= 1200);  // 92 %
}

TEST_CASE("walks through the masks of the suite's schemas end in valid instances") {
  const SchemaOptions options{.documents = test::suite_remotes()};
  std::mt19937 random(17);
  std::map<std::string, std::string> samples;
  test::each_suite_test([&](const std::string&, const auto& group, const auto& one) {
    samples[group["schema"].dump()] += one["data"].dump() + " ";
  });
  std::size_t ended = 0;
  const char* wanted = std::getenv("MOXIE_WALKS");
  const int walks = wanted == nullptr ? 2 : std::atoi(wanted);
  for (const auto& [text, sample] : samples) {
    CAPTURE(text);
    const Schema schema = Schema::compile(text, options).value();
    const auto grammar = Grammar::json_schema(schema, {.any_order = random() % 2 == 0});
    if (!grammar.ok()) continue;
    const auto tokens = test::tokens_from(sample + R"({"a":1,"b":[true,null,"x"],"foo":{"bar":2.5}})", 60,
                                          static_cast<std::uint32_t>(random()));
    const Vocabulary vocabulary = test::vocabulary_of(tokens);
    const Matcher matcher = Matcher::create(*grammar, vocabulary).value();
    for (int i = 0; i < walks; ++i) {
      const test::Walk walk = test::walk_masks(matcher, vocabulary, random, 25, i == 0);
      REQUIRE(walk.mistake == "");
      if (!walk.ended) continue;
      ++ended;
      const auto problems = schema.check(walk.text);
      CAPTURE(walk.text);
      REQUIRE(problems.status().message() == "");
      CHECK((problems->empty() ? "" : problems->front().text()) == "");
    }
  }
  CHECK(ended > 200);
}
