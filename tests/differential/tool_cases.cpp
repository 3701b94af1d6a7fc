// SPDX-License-Identifier: Apache-2.0
// What compare_tools.py compares.
//
//   tool_cases schemas      the schemas of a toolbox with every kind of argument, and of the ready tools
//   tool_cases check        reads JSON texts, one a line; prints 1 where the tool "everything" takes them as arguments
//   tool_cases calculate    reads expressions, one a line; prints what "calculate" answers
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>

#include <moxie/tool/ready.hpp>
#include <moxie/tool/toolbox.hpp>

#include "support/described_types.hpp"

namespace {

using namespace moxie;

Result<AnyTool> everything() {
  return AnyTool::create(
      tool("everything", "Has every kind of argument.",
           [](Arg<"flag", bool>, Arg<"small", std::int8_t, "A \"small\" one">, Arg<"large", std::uint64_t>,
              Arg<"days", std::optional<Between<int, 1, 14>>>, Arg<"real", std::optional<double>>,
              Arg<"text", std::optional<std::string>>, Arg<"unit", std::optional<test::Unit>>,
              Arg<"trip", std::optional<test::Trip>>,
              Arg<"grid", std::optional<std::vector<std::vector<std::optional<int>>>>>) { return Status(); }));
}

Status fill(Toolbox& toolbox) {
  const auto notes = std::make_shared<tools::Notes>();
  MOXIE_TRY_LET(tools::Folder folder, tools::Folder::open("."));
  const auto shared = std::make_shared<const tools::Folder>(std::move(folder));
  MOXIE_TRY(toolbox.add(everything()));
  MOXIE_TRY(toolbox.add(tools::calculate()));
  MOXIE_TRY(toolbox.add(tools::now()));
  MOXIE_TRY(toolbox.add(tools::convert()));
  MOXIE_TRY(toolbox.add(tools::remember(notes)));
  MOXIE_TRY(toolbox.add(tools::recall(notes)));
  MOXIE_TRY(toolbox.add(tools::list_files(shared)));
  MOXIE_TRY(toolbox.add(tools::read_file(shared)));
  MOXIE_TRY_LET(const std::vector<std::string> names, toolbox.names());
  for (const std::string& name : names) MOXIE_TRY(toolbox.grant(name));
  return {};
}

Status run(std::string_view mode) {
  Toolbox toolbox;
  MOXIE_TRY(fill(toolbox));
  if (mode == "schemas") {
    MOXIE_TRY_LET(const std::string schemas, toolbox.schemas());
    std::cout << schemas << '\n';
    return {};
  }
  for (std::string line; std::getline(std::cin, line);) {
    if (mode == "check") {
      std::cout << (toolbox.call("everything", line).status.ok() ? "1\n" : "0\n");
    } else if (mode == "calculate") {
      ResultText arguments(1U << 20U);
      arguments.add(R"({"expression":)");
      arguments.quote(line);
      arguments.add("}");
      std::cout << toolbox.call("calculate", arguments.kept()).text << '\n';
    } else {
      return Status(Code::kInvalidArgument, "tool_cases", "schemas, check or calculate", mode);
    }
    MOXIE_TRY_LET(const auto taken, toolbox.take_records());
    if (taken.size() != 1) return Status(Code::kInternal, "tool_cases", "one record", Text(taken.size()));
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const Status status = run(argc == 2 ? argv[1] : "");
  if (!status.ok()) std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
