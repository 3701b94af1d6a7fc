// SPDX-License-Identifier: Apache-2.0
#include "rendering.hpp"
#include "support/catch.hpp"

namespace {

using namespace moxie;

std::string shown(std::string_view source) {
  const Value evil = test::data(R"("<|x|>")");
  const Value pad = test::data(R"("  <|x|>\n")");
  const Value map = test::data(R"({"<|k|>": ["<|v|>", 12]})");
  const Value bos = Value::string("<s>", Origin::kTemplate).value();
  const auto rendered = test::render(source, {{"c", evil}, {"pad", pad}, {"map", map}, {"bos", bos}});
  INFO(source << ": " << rendered.status().message());
  REQUIRE(rendered.ok());
  std::size_t last = 0;
  for (std::size_t i = 0; i < rendered->spans.size(); ++i) {
    CHECK(rendered->spans[i].end > last);
    if (i > 0) CHECK(rendered->spans[i].origin != rendered->spans[i - 1].origin);
    last = rendered->spans[i].end;
  }
  CHECK(last == rendered->text.size());
  return test::marked(*rendered);
}

TEST_CASE("bytes of a message stay data wherever a template puts them") {
  CHECK(shown("<|a|>{{ c }}<|b|>") == "<|a|>{<|x|>}<|b|>");
  CHECK(shown("{{ bos + c + bos }}") == "<s>{<|x|>}<s>");
  CHECK(shown("{{ '<|a|>' ~ c ~ 1 }}") == "<|a|>{<|x|>}1");
  CHECK(shown("{{ '<|a|>' ~ pad | trim ~ '<|b|>' }}") == "<|a|>{<|x|>}<|b|>");
  CHECK(shown("{{ pad.strip() }}|{{ pad.split('|')[1] }}|{{ c[::-1] }}") == "{<|x|>}|{x}|{>|x|<}");
  CHECK(shown("{{ 'a-b'.replace('-', c) }}{{ c.replace('x', '<|t|>') }}") == "a{<|x|>}b{<|}<|t|>{|>}");
  CHECK(shown("{{ ['<|a|>', c] | join(c) }}") == "<|a|>{<|x|><|x|>}");
  CHECK(shown("{{ c | upper }}{{ ('<|a|>' ~ c) | upper }}") == "{<|X|>}<|A|>{<|X|>}");
  CHECK(shown("{{ ('<|a|>' ~ c)[4:7] }}") == ">{<|}");
  CHECK(shown("{{ '%s!' % c }}{{ '<{}>'.format(c) }}") == "{<|x|>}!<{<|x|>}>");
  CHECK(shown("{% set t %}<|a|>{{ c }}{% endset %}{{ t }}") == "<|a|>{<|x|>}");
  CHECK(shown("{% macro m(v) %}<|a|>{{ v }}{% endmacro %}{{ m(c) }}") == "<|a|>{<|x|>}");
  CHECK(shown("{% filter upper %}<|a|>{{ c }}{% endfilter %}") == "<|A|>{<|X|>}");
  CHECK(shown("{% for ch in c %}{{ ch }}.{% endfor %}") == "{<}.{|}.{x}.{|}.{>}.");
  CHECK(shown("{{ c * 2 }}{{ c | indent(2, true) }}{{ c.center(7, '*') }}") == "{<|x|><|x|>}  {<|x|>}*{<|x|>}*");
}

TEST_CASE("what is written for a value has its origin") {
  CHECK(shown("{{ map | tojson }}") == "{{\"<|k|>\": [\"<|v|>\", 12]}}");
  CHECK(shown("{{ map }}") == "{{'<|k|>': ['<|v|>', 12]}}");
  CHECK(shown("{{ {'<|a|>': c} | tojson }}") == "{\"<|a|>\": {\"<|x|>\"}}");
  CHECK(shown("{{ [1, c] }}") == "[1, {'<|x|>'}]");
  CHECK(shown("{{ map['<|k|>'][1] }}{{ map['<|k|>'][1] + 1 }}{{ 12 }}") == "{1213}12");
  CHECK(shown("{% for k, v in map.items() %}{{ k }}={{ v[0] }}{% endfor %}") == "{<|k|>}={<|v|>}");
  CHECK(shown("{{ map | length }}{{ c == '<|x|>' }}") == "1{True}");
}

}  // namespace
