// SPDX-License-Identifier: Apache-2.0
// Any bytes as the arguments of a tool: refused before it is called, or taken; and then what was taken, written again,
// is taken again as the same. Every call has its record.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <moxie/tool/toolbox.hpp>

#include "support/described_types.hpp"

using namespace moxie;

namespace {

struct Everything {
  bool flag = false;
  std::int8_t small = 0;
  std::uint64_t large = 0;
  std::optional<double> real;
  std::optional<std::string> text;
  std::optional<test::Unit> unit;
  std::optional<test::Trip> trip;
  std::vector<std::vector<std::optional<int>>> grid;
};

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

template <>
inline constexpr auto moxie::described<Everything> =
    moxie::members(moxie::member<"flag">(&Everything::flag), moxie::member<"small">(&Everything::small),
                   moxie::member<"large">(&Everything::large), moxie::member<"real">(&Everything::real),
                   moxie::member<"text">(&Everything::text), moxie::member<"unit">(&Everything::unit),
                   moxie::member<"trip">(&Everything::trip), moxie::member<"grid">(&Everything::grid));

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  int calls = 0;
  Toolbox toolbox;
  const auto echo = [&calls](Arg<"x", Everything> x) {
    ++calls;
    return *x;
  };
  require(toolbox.add(tool("echo", "", echo)).ok() && toolbox.grant("echo").ok());
  const ToolOutcome outcome = toolbox.call("echo", bytes);
  const auto records = toolbox.take_records().value();
  require(records.size() == 1 && records[0].arguments == bytes && records[0].verdict == outcome.verdict);
  if (!outcome.status.ok()) {
    require(calls == 0 && outcome.verdict == ToolVerdict::kBadArguments);
    require(outcome.status.code() == Code::kFormat || outcome.status.code() == Code::kInvalidArgument);
    return 0;
  }
  require(calls == 1);
  const ToolOutcome again = toolbox.call("echo", R"({"x":)" + outcome.text + "}");
  require(again.status.ok() && again.text == outcome.text);
  return 0;
}
