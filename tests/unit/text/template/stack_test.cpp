// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "rendering.hpp"
#include "support/catch.hpp"
#include "support/small_stack.hpp"

namespace {

using namespace moxie;

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST_CASE("the deepest templates of every kind fit on a stack of 256 KiB") {
  std::vector<std::string> sources;
  // As deep as the parser lets it, in each way to nest.
  for (const std::size_t depth : {30U, 36U, 38U, 39U, 40U, 41U}) {
    sources.push_back("{{ " + repeated("(", depth) + "1" + repeated(")", depth) + " }}");
    sources.push_back("{{ " + repeated("[", depth) + "1" + repeated("]", depth) + " }}");
    sources.push_back("{{ " + repeated("{'a': ", depth) + "1" + repeated("}", depth) + " }}");
    sources.push_back("{{ " + repeated("range(5)[", depth) + "1" + repeated("]", depth) + " }}");
    sources.push_back("{{ " + repeated("dict(a=", depth) + "1" + repeated(")", depth) + " }}");
    sources.push_back(repeated("{% if 1 %}", depth) + repeated("{% endif %}", depth));
    sources.push_back(repeated("{% for a in [1] %}", depth) + repeated("{% endfor %}", depth));
    sources.push_back(repeated("{% set a %}", depth) + repeated("{% endset %}", depth));
    sources.push_back(repeated("{% filter upper %}", depth) + repeated("{% endfilter %}", depth));
    sources.push_back(repeated("{% with a = 1 %}", depth) + repeated("{% endwith %}", depth));
  }
  for (const std::size_t depth : {100U, 115U, 119U, 121U}) {
    sources.push_back("{{ 'a'" + repeated("|upper", depth) + " }}");
    sources.push_back("{{ 'a'" + repeated(".strip()", depth / 2) + " }}");
    sources.push_back("{{ [['a']]" + repeated("|map('upper')|list", depth / 2) + " }}");
  }
  // Recursion at run time, with each kind of frame between two calls.
  const std::string_view calls[] = {"{{ f(n + 1) }}",
                                    "{{ [f(n + 1)] | join }}",
                                    "{{ 'a' ~ f(n + 1) | trim }}",
                                    "{% for i in [1] %}{{ loop.index ~ f(n + 1) }}{% endfor %}",
                                    "{% set x %}{{ f(n + 1) }}{% endset %}",
                                    "{% filter upper %}{{ f(n + 1) }}{% endfilter %}",
                                    "{% with a = f(n + 1) %}{% endwith %}",
                                    "{{ {'a': f(n + 1)} | tojson }}",
                                    "{% if f(n + 1) == 'a' and 1 < 2 %}{% endif %}",
                                    "{{ f(n=f(n + 1)) }}",
                                    "{{ 'x'.replace('x', f(n + 1)) }}",
                                    "{{ range(3)[f(n + 1)] }}",
                                    "{{ 'abc'[f(n + 1):f(n)] }}",
                                    "{% call f(n + 1) %}{% endcall %}{{ caller }}",
                                    "{{ f(n + 1) if f(n + 1) else 1 }}",
                                    "{{ 1 + f(n + 1) * 2 }}"};
  for (const std::string_view call : calls) {
    sources.push_back("{% macro f(n) %}" + std::string(call) + "{% endmacro %}{{ f(0) }}");
  }
  // Values as deep as they may be, walked by everything that walks.
  const std::string deep =
      "{% set ns = namespace(l=[1], m=[1]) %}{% for i in range(98) %}{% set ns.l = [ns.l] %}"
      "{% set ns.m = {'a': ns.m} %}{% endfor %}";
  for (const std::string_view use :
       {"{{ ns.l }}", "{{ ns.m }}", "{{ ns.l | tojson(indent=1) }}", "{{ ns.m | tojson }}",
        "{{ ns.l == [ns.l][0][0:1] }}", "{{ [ns.l] < [ns.l[0:1]] }}", "{{ ns.m == ns.m.copy() }}"}) {
    sources.push_back(deep + std::string(use));
  }
  std::size_t rendered = 0;
  std::size_t refused = 0;
  test::on_small_stack([&] {
    for (const std::string& source : sources) {
      const auto result = test::render(source);
      (result.ok() ? rendered : refused) += 1;
    }
  });
  CHECK(rendered >= 40);
  CHECK(refused >= 20);
}

}  // namespace
