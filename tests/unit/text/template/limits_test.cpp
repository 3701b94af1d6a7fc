// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "rendering.hpp"
#include "support/catch.hpp"

namespace {

using namespace moxie;

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

void refused(std::string_view source, std::string_view limit) {
  const auto rendered = test::render(source);
  INFO(source.substr(0, 200));
  INFO(rendered.status().message());
  REQUIRE(rendered.status().code() == Code::kBudget);
  CHECK(rendered.status().needed().find(limit) != std::string_view::npos);
}

TEST_CASE("loops end at the limit of steps") {
  refused("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "max_steps");
  refused("{% for a in range(100000) %}{% for b in range(1000) %}{{ loop.index }}{% endfor %}{% endfor %}", "max_");
  refused("{% for a in range(9999) %}{% for b in 'x' * 99999 %}{% endfor %}{% endfor %}", "max_steps");
  refused(
      "{% set ns = namespace(d={}) %}{% set s = 'a' * 3000000 %}{% for i in range(9999) %}{{ s.find('b') }}{% endfor "
      "%}",
      "max_steps");
}

TEST_CASE("a range has an end") {
  refused("{{ range(100001) | length }}", "100000");
  refused("{{ range(0, 9223372036854775807) | list }}", "100000");
  refused("{{ range(-9223372036854775807, 9223372036854775807, 2) | list }}", "100000");
}

TEST_CASE("texts and lists end at the limit of memory") {
  refused("{{ 'x' * 1000000000 }}", "max_output_bytes");
  refused("{{ 'x' * 9223372036854775807 }}", "max_output_bytes");
  refused("{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", "max_");
  refused("{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s.replace('x', 'xx') %}{% endfor %}",
          "max_");
  refused("{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] | join %}{% endfor %}",
          "max_");
  refused("{% set ns = namespace(l=[0]) %}{% for i in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
          "max_memory");
  refused("{{ [0] * 100000000 }}", "max_");
  refused("{{ ('x' * 1000000) | list }}", "max_");
  refused("{{ '%99999999999d' % 1 }}", "max_output_bytes");
  refused("{{ 'x'.center(99999999999) }}{{ 'x' | indent(99999999999) }}", "max_output_bytes");
  refused("{{ [[1]] | tojson(indent=999999999) }}", "max_output_bytes");
}

TEST_CASE("values, templates and evaluations nest so deep and no deeper") {
  refused("{% set ns = namespace(l=[]) %}{% for i in range(5000) %}{% set ns.l = [ns.l] %}{% endfor %}", "nested");
  refused("{% set ns = namespace(l={}) %}{% for i in range(5000) %}{% set ns.l = {'a': ns.l} %}{% endfor %}", "nested");
  refused("{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}", "evaluations");
  refused("{% macro f(n) %}{% call f(n) %}{% endcall %}{{ caller }}{% endmacro %}{{ f(0) }}", "evaluations");
  refused("{{ " + repeated("(", 100000) + "1" + repeated(")", 100000) + " }}", "nested");
  refused("{{ " + repeated("[", 100000) + " }}", "nested");
  refused("{{ " + repeated("-", 100000) + "1 }}", "nested");
  refused("{{ 1" + repeated("|abs", 30000) + " }}", "deep");
  refused("{{ a" + repeated(".a", 100000) + " }}", "deep");
  refused("{{ a" + repeated("[0]", 60000) + " }}", "deep");
  refused("{{ " + repeated("1 if 1 else ", 20000) + "1 }}", "nested");
  refused(repeated("{% if 1 %}", 20000), "nested");
  refused(repeated("{% for a in b %}", 15000), "nested");
  refused("{% for " + repeated("(", 100000) + "a in b %}", "nested");
  CHECK(test::render("{{ 1" + repeated(" + 1", 5000) + " }}")->text == "5001");
  CHECK(test::render("{{ '' " + repeated("~ 1", 5000) + " }}")->text.size() == 5000);
  CHECK(test::render("{{ " + repeated("not ", 5000) + "1 }}")->text == "True");
}

TEST_CASE("namespaces that hold one another are given back and never walked") {
  CHECK(test::render("{% set a = namespace() %}{% set a.me = a %}{{ a.me.me.me is defined }}")->text == "True");
  CHECK(test::render("{% set a = namespace() %}{% set a.me = [a] %}{{ a }}").status().code() == Code::kUnsupported);
  CHECK(test::render("{% set a = namespace() %}{% set a.me = [a] %}{{ a.me | tojson }}").status().code() ==
        Code::kFormat);
}

TEST_CASE("searching is linear in what is searched") {
  // 2 MB of one letter, and half of it with another letter at the end: 10^12 comparisons if they were made.
  TemplateLimits limits;
  limits.max_memory_bytes = 64U << 20U;
  const auto rendered = test::render(
      "{% set s = 'a' * 2000000 %}{% set n = 'a' * 1000000 ~ 'b' %}{{ s.find(n) }} {{ s.rfind(n) }} {{ n in s }} "
      "{{ s.replace(n, '') | length }} {{ s.split(n) | length }}",
      {}, limits);
  INFO(rendered.status().message());
  REQUIRE(rendered.ok());
  CHECK(rendered->text == "-1 -1 False 2000000 1");
}

TEST_CASE("a template may be so long") {
  CHECK(test::render(std::string(300'000, 'x')).status().code() == Code::kBudget);
  CHECK(test::render(std::string(200'000, 'x')).ok());
}

}  // namespace
