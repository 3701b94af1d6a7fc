// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <moxie/moxie.hpp>

namespace moxie::tiny {

/// What came of one question.
struct Outcome {
  std::string text;  ///< of the answer, what the calls are not
  std::vector<ToolCall> calls;
  std::vector<std::string> results;
  bool ended = false;  ///< by an end token
};

/// One measure, such as "arithmetic: calls", and whether this outcome is right by it.
struct Verdict {
  std::string measure;
  bool right = false;
};

/// What a case's "check" says of an outcome. Answers behind calls count where the calls were right, for only then are
/// the results the ones to state.
std::vector<Verdict> judge(const std::string& domain, const nlohmann::json& check, const Outcome& outcome);

}  // namespace moxie::tiny
