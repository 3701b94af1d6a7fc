// SPDX-License-Identifier: Apache-2.0
#include "score.hpp"

#include <cctype>

namespace moxie::tiny {

namespace {

using Json = nlohmann::json;

bool called_as(const Json& expected, const std::vector<ToolCall>& calls) {
  if (expected.size() != calls.size()) return false;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Json arguments = Json::parse(calls[i].arguments, nullptr, false);
    if (expected[i].at(0) != calls[i].name || expected[i].at(1) != arguments) return false;
  }
  return true;
}

bool states(const Json& all, const std::string& text) {
  for (const Json& one : all) {
    if (text.find(one.get<std::string>()) == std::string::npos) return false;
  }
  return true;
}

/// How often a word is there as a word.
std::size_t times(const std::string& word, const std::string& text) {
  const auto letter = [&](std::size_t at) {
    return at < text.size() && (std::isalpha(static_cast<unsigned char>(text[at])) != 0);
  };
  std::size_t found = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    if ((at == 0 || !letter(at - 1)) && !letter(at + word.size())) ++found;
  }
  return found;
}

/// A story keeps what it was asked for: the hero is named at least three times and the object twice, and it ends.
bool kept(const Json& check, const Outcome& outcome) {
  const auto there = [&](const char* what, std::size_t least) {
    const Json& word = check.at(what);
    return word.is_null() || times(word.get<std::string>(), outcome.text) >= least;
  };
  return outcome.ended && outcome.calls.empty() && there("hero", 3) && there("object", 2);
}

}  // namespace

std::vector<Verdict> judge(const std::string& domain, const Json& check, const Outcome& outcome) {
  if (check.contains("hero")) return {{domain + ": hero and object kept", kept(check, outcome)}};
  const bool called = called_as(check.at("calls"), outcome.calls);
  const bool stated = outcome.ended && states(check.at("states"), outcome.text);
  if (!check.at("calls").empty()) {
    std::vector<Verdict> verdicts{{domain + ": calls", called}};
    if (called) verdicts.push_back({domain + ": answers behind a result", stated});
    return verdicts;
  }
  if (check.contains("declined")) {
    return {{domain + (check.at("declined").get<bool>() ? ": unanswerable declined" : ": answered"), called && stated}};
  }
  return {{domain + ": answers", called && stated}};
}

}  // namespace moxie::tiny
