// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/text/answer_stream.hpp>

#include "support/catch.hpp"

namespace moxie::test {

/// Events as one text: T(...) text, R(...) reasoning, B a call begins, C(name arguments id), M(...) malformed.
inline std::string shown(const std::vector<AnswerEvent>& events) {
  using Kind = AnswerEvent::Kind;
  std::string out;
  Kind before = Kind::kCall;
  for (const AnswerEvent& event : events) {
    const bool joins = event.kind == before && (event.kind == Kind::kText || event.kind == Kind::kReasoning);
    if (joins) out.pop_back();
    switch (event.kind) {
      case Kind::kText: out += (joins ? "" : "T(") + event.text + ")"; break;
      case Kind::kReasoning: out += (joins ? "" : "R(") + event.text + ")"; break;
      case Kind::kCallBegin: out += "B"; break;
      case Kind::kCall: out += "C(" + event.call.name + " " + event.call.arguments + " " + event.call.id + ")"; break;
      case Kind::kMalformedCall:
        CHECK(!event.note.ok());
        out += "M(" + event.text + ")";
        break;
    }
    before = event.kind;
  }
  return out;
}

inline std::string streamed(const std::vector<std::string_view>& pieces, const AnswerOptions& options) {
  AnswerStream stream(options);
  std::string out;
  std::vector<AnswerEvent> events;
  for (const std::string_view piece : pieces) REQUIRE(stream.feed(piece, events).ok());
  REQUIRE(stream.finish(events).ok());
  CHECK(stream.feed("x", events).code() == Code::kPrecondition);
  return shown(events);
}

/// Whole, cut at every byte, in single bytes, and in pieces at random: always the same.
inline std::string answer(std::string_view text, const AnswerOptions& options) {
  const std::string whole = streamed({text}, options);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    INFO("cut at " << cut);
    REQUIRE(streamed({text.substr(0, cut), text.substr(cut)}, options) == whole);
  }
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
  REQUIRE(streamed(bytes, options) == whole);
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = random() % 9;
      pieces.push_back(text.substr(at, size));
      at += size;
    }
    REQUIRE(streamed(pieces, options) == whole);
  }
  return whole;
}

}  // namespace moxie::test
