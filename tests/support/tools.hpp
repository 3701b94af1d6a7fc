// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <moxie/tool/toolbox.hpp>

// What tests of tools need: one tool in a toolbox of its own, granted.

namespace moxie::test {

inline ToolOutcome call_tool(Result<AnyTool> tool, std::string_view arguments, const ToolLimits& limits = {}) {
  if (!tool.ok()) return {.status = tool.status()};
  const std::string name(tool->name());
  Toolbox toolbox;
  Status status = toolbox.add(std::move(tool));
  if (status.ok()) status = toolbox.grant(name);
  if (!status.ok()) return {.status = status};
  return toolbox.call(name, arguments, limits);
}

/// The answer; what it failed with, in brackets, where it did.
inline std::string answer_of(Result<AnyTool> tool, std::string_view arguments, const ToolLimits& limits = {}) {
  ToolOutcome outcome = call_tool(std::move(tool), arguments, limits);
  if (outcome.status.ok()) return std::move(outcome.text);
  std::string text = "<";
  text.append(name(outcome.verdict)).append(": ").append(outcome.status.message()).append(">");
  return text;
}

template <class F>
ToolOutcome call_tool(Tool<F> tool, std::string_view arguments, const ToolLimits& limits = {}) {
  return call_tool(AnyTool::create(std::move(tool)), arguments, limits);
}

template <class F>
std::string answer_of(Tool<F> tool, std::string_view arguments, const ToolLimits& limits = {}) {
  return answer_of(AnyTool::create(std::move(tool)), arguments, limits);
}

}  // namespace moxie::test
