// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "rendering.hpp"
#include "support/catch.hpp"
#include "support/gguf_writer.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace moxie;

Status status_of(std::string_view source) { return test::render(source).status(); }

TEST_CASE("raise_exception is a refusal by the template, with its message and its line") {
  const Status status = status_of("\n\n{% if true %}\n{{ raise_exception('roles must ' ~ 'alternate') }}{% endif %}");
  CHECK(status.code() == Code::kInvalidArgument);
  CHECK(status.came() == "roles must alternate");
  CHECK(status.where() == "test, line 4");
}

TEST_CASE("what is no template is refused with its line") {
  for (const std::string_view source : {"\n{{ ",
                                        "\n{% if %}",
                                        "\n{{ 1 + }}",
                                        "\n{% endif %}",
                                        "\n{% for x y %}",
                                        "\n{{ 'a }}",
                                        "\n{# a",
                                        "\n{% raw %}",
                                        "\n{{ a b }}",
                                        "\n{{ (1] }}",
                                        "\n{% set 1 = 2 %}",
                                        "\n{% nosuch %}",
                                        "\n{{ a is b is c }}",
                                        "\n{{ f(a=1, 2) }}",
                                        "\n{% break %}",
                                        "\n{% macro f(a=1, b) %}{% endmacro %}",
                                        "\n{{ 007 }}",
                                        "\n{{ '\\x4' }}",
                                        "\n{{ a[ }}",
                                        "\n{% set a = %}"}) {
    const Status status = status_of(source);
    INFO(source << ": " << status.message());
    CHECK(status.code() == Code::kFormat);
    CHECK(status.where() == "test, line 2");
  }
}

TEST_CASE("escapes in strings are Python's, and what they spell is the template's") {
  const auto text = [](std::string_view literal) {
    return test::marked(test::render("{{ '" + std::string(literal) + "' }}").value());
  };
  CHECK(text(R"(\1\47\18\477\777)") ==
        "\x01'\x01"
        "8\xc4\xbf\xc7\xbf");
  CHECK(text(R"(\x41\u00e9\U0001f600)") == "A\xc3\xa9\xf0\x9f\x98\x80");
  CHECK(text(R"(\a\b\f\n\r\t\v\\\'\")") == "\a\b\f\n\r\t\v\\'\"");
  CHECK(text("a\\\nb") == "ab");
  CHECK(text(R"(\8\q\ )") == R"(\8\q\ )");
  // Jinja turns characters that are not ASCII into escapes before it reads escapes.
  CHECK(text("\\\xc3\xa9\xc3\xa9") == "\\xe9\xc3\xa9");
  CHECK(text("\\\xe2\x82\xac\\\xf0\x9f\x98\x80") == R"(\u20ac\U0001f600)");
  CHECK(text("\\\xff") == "\\\xff");
}

TEST_CASE("JSON that may hold nothing but ASCII escapes the delete character too") {
  CHECK(test::render(R"({{ 'a\x7f\u00e9' | tojson(ensure_ascii=true) }})").value().text == R"("a\u007f\u00e9")");
  CHECK(test::render(R"({{ 'a\x7f\u00e9' | tojson }})").value().text == "\"a\x7f\xc3\xa9\"");
}

TEST_CASE("what Python raises for is refused with its line") {
  for (const std::string_view source :
       {"\n{{ a.b.c }}",           "\n{{ none.a.b }}",         "\n{{ 1 + 'a' }}",
        "\n{{ 1 / 0 }}",           "\n{{ [] < 1 }}",           "\n{{ none() }}",
        "\n{{ 1 | nosuch }}",      "\n{{ 1 is nosuch }}",      "\n{% for x in 1 %}{% endfor %}",
        "\n{% set a, b = [1] %}",  "\n{{ {[]: 1} }}",          "\n{{ 'a' in 1 }}",
        "\n{{ [1, 'a'] | sort }}", "\n{{ nothing | tojson }}", "\n{{ range(1, 2, 0) }}",
        "\n{% set a.b = 1 %}",     "\n{{ '%d' % 'x' }}",       "\n{{ 'a'.index('b') }}",
        "\n{{ [][1:2:0] }}",       "\n{{ 'a'.join([1]) }}"}) {
    const Status status = status_of(source);
    INFO(source << ": " << status.message());
    CHECK(status.code() == Code::kFormat);
    CHECK(status.where() == "test, line 2");
  }
}

TEST_CASE("what is not supported is refused by name") {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"{% include 'a' %}", "include"},
      {"{% import 'a' as b %}", "import"},
      {"{% extends 'a' %}", "extends"},
      {"{% block a %}{% endblock %}", "block"},
      {"{% for x in y recursive %}{% endfor %}", "recursive"},
      {"{{ 'a' | urlize }}", "urlize"},
      {"{{ 'a'.encode() }}", "encode"},
      {"{{ 9223372036854775807 + 1 }}", ""},
      {"{{ 2 ** 64 }}", ""},
      {"{{ 99999999999999999999 }}", ""},
      {"{{ -9223372036854775807 - 2 }}", ""},
      {"{{ 9223372036854775807 * 2 }}", ""},
      {"{{ range }}", ""}};
  for (const auto& [source, name] : cases) {
    const Status status = status_of(source);
    INFO(source << ": " << status.message());
    CHECK(status.code() == Code::kUnsupported);
    CHECK(status.message().find(name) != std::string_view::npos);
  }
}

TEST_CASE("nothing but data can be reached, and nothing can be changed") {
  const test::Variables variables = {{"m", test::data(R"([{"role": "user", "content": "x"}])")}};
  for (const std::string_view source :
       {"{{ m.__class__ }}", "{{ m[0].__class__ }}", "{{ ''.__class__ }}", "{{ m['__class__'] }}", "{{ m.append }}",
        "{{ m[0].update }}", "{{ m | attr('__class__') }}", "{{ [m] | map(attribute='__class__') | join }}",
        "{{ m[0].content.__init__ }}", "{{ raise_exception.__globals__ }}", "{{ namespace().__init__ }}"}) {
    INFO(source);
    CHECK(test::render(source, variables)->text == "");
  }
  CHECK(test::render("{{ m.append(1) }}", variables).status().code() == Code::kFormat);
  CHECK(test::render("{{ m[0].update({}) }}", variables).status().code() == Code::kFormat);
  CHECK(test::render("{{ ''.__class__.__mro__ }}", variables).status().code() == Code::kFormat);
}

TEST_CASE("a key of a message may be named as a method, in brackets") {
  const test::Variables variables = {{"m", test::data(R"({"items": 1, "get": 2, "plain": 3})")}};
  CHECK(test::render("{{ m['items'] }}{{ m['get'] }}{{ m.plain }}{{ m.get('plain') }}", variables)->text == "1233");
}

TEST_CASE("a .gguf file gives its templates and its special tokens") {
  using test::gguf_string;
  using test::gguf_u32;
  const test::TemporaryFolder folder;
  const auto write = [&](std::vector<std::string> keys) {
    keys.push_back(gguf_string("general.architecture", "qwen3moe"));
    test::write_file(folder / "m.gguf", test::GgufFile{.keys = std::move(keys)}.bytes());
    return folder / "m.gguf";
  };
  CHECK(load_chat_template(write({})).status().code() == Code::kNotFound);
  CHECK(load_chat_template(write({gguf_u32("tokenizer.chat_template", 1)})).status().code() == Code::kFormat);
  CHECK(load_chat_template(write({gguf_string("tokenizer.chat_template", "{{ 1")})).status().code() == Code::kFormat);
  CHECK(load_chat_template(folder / "absent.gguf").status().code() == Code::kNotFound);
  const auto path = write({gguf_string("tokenizer.chat_template", "{{ bos_token }}d{{ pad_token }}"),
                           gguf_string("tokenizer.chat_template.tool_use", "t"),
                           test::gguf_strings("tokenizer.ggml.tokens", {"<unk>", "<s>"}),
                           gguf_u32("tokenizer.ggml.bos_token_id", 1), gguf_u32("tokenizer.ggml.padding_token_id", 2)});
  const auto loaded = load_chat_template(path);
  INFO(loaded.status().message());
  REQUIRE(loaded.ok());
  const test::Variables variables(loaded->special_tokens.begin(), loaded->special_tokens.end());
  CHECK(test::marked(*loaded->chat.render({.variables = variables})) == "<s>d");
  CHECK(load_chat_template(path, "tool_use")->chat.render({})->text == "t");
  CHECK(loaded->variants.size() == 2);
  CHECK((*loaded->choose("", true))->name == "tool_use");
  CHECK(*loaded->choose("", false) == nullptr);
  CHECK(loaded->choose("rag", true).status().code() == Code::kNotFound);
  CHECK(load_chat_template(path, "rag").status().code() == Code::kNotFound);
}

TEST_CASE("a checkpoint with a template for tools and no default has that one for tools") {
  // transformers takes tool_use where tools are given, and refuses otherwise.
  const test::TemporaryFolder folder;
  test::write_file(folder.path() / "tokenizer_config.json",
                   R"({"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "rag", "template": "r"}]})");
  const auto loaded = load_chat_template(folder.path());
  INFO(loaded.status().message());
  REQUIRE(loaded.ok());
  CHECK((*(*loaded->choose("", true))->chat).render({})->text == "t");
  CHECK((*(*loaded->choose("rag", true))->chat).render({})->text == "r");
  const Status refused = loaded->choose("", false).status();
  CHECK(refused.code() == Code::kNotFound);
  CHECK(refused.needed() == "a chat_template named 'default'");
  CHECK(refused.came() == "others: tool_use, rag");
  CHECK(loaded->choose("default", false).status().code() == Code::kNotFound);
  test::write_file(folder.path() / "tokenizer_config.json", R"({"chat_template": [{"name": "rag", "template": "r"}]})");
  CHECK(load_chat_template(folder.path())->choose("", true).status().code() == Code::kNotFound);
  test::write_file(folder.path() / "tokenizer_config.json", R"({"chat_template": []})");
  CHECK(load_chat_template(folder.path()).status().code() == Code::kNotFound);
}

TEST_CASE("seconds since 1970 are of the system's time zone") {
  const auto chat = ChatTemplate::parse("{{ strftime_now('%s|%12s') }}", "test");
  const LocalTime now{.year = 2024, .month = 2, .day = 9, .hour = 15, .minute = 4, .second = 5};
  const char* before = std::getenv("TZ");
  const std::string zone = before == nullptr ? "" : before;
  ::setenv("TZ", "UTC0", 1);
  CHECK(chat->render({.now = now})->text == "1707491045|  1707491045");  // date -u -d '2024-02-09 15:04:05' +%s
  ::setenv("TZ", "XXX-2", 1);
  CHECK(chat->render({.now = now})->text == "1707483845|  1707483845");
  if (before == nullptr) {
    ::unsetenv("TZ");
  } else {
    ::setenv("TZ", zone.c_str(), 1);
  }
}

TEST_CASE("flags of strftime_now meet widths and fixed cases as in Python") {
  const auto chat = ChatTemplate::parse("{{ strftime_now('%-5d|%-5p|%^P|%#P|%#c|%^c') }}", "test");
  const LocalTime now{.year = 2024, .month = 2, .day = 9, .hour = 15, .minute = 4, .second = 5};
  // datetime.datetime(2024, 2, 9, 15, 4, 5).strftime(...)
  CHECK(chat->render({.now = now})->text == "    9|   PM|pm|pm|Fri Feb  9 15:04:05 2024|FRI FEB  9 15:04:05 2024");
}

TEST_CASE("a checkpoint's folder gives its template and its special tokens") {
  const test::TemporaryFolder folder;
  const auto write = [&](std::string_view name, std::string_view text) {
    std::ofstream(folder.path() / name, std::ios::binary) << text;
  };
  CHECK(load_chat_template(folder.path()).status().code() == Code::kNotFound);
  CHECK(load_chat_template(folder.path() / "no.jinja").status().code() == Code::kNotFound);
  write("tokenizer_config.json", R"({"bos_token": {"content": "<s>"}, "eos_token": "</s>", "pad_token": null,
      "chat_template": [{"name": "default", "template": "{{ bos_token }}d"}, {"name": "tool_use", "template": "t"}]})");
  const auto named = load_chat_template(folder.path());
  INFO(named.status().message());
  REQUIRE(named.ok());
  REQUIRE(named->special_tokens.size() == 2);
  const test::Variables variables(named->special_tokens.begin(), named->special_tokens.end());
  CHECK(test::marked(*named->chat.render({.variables = variables})) == "<s>d");
  CHECK(load_chat_template(folder.path(), "tool_use")->chat.render({})->text == "t");
  CHECK(load_chat_template(folder.path(), "rag").status().code() == Code::kNotFound);
  write("chat_template.jinja", "from the file{{ 1");
  CHECK(load_chat_template(folder.path()).status().code() == Code::kFormat);
  write("chat_template.jinja", "from the file");
  CHECK(load_chat_template(folder.path())->chat.render({})->text == "from the file");
  // A file goes before the whole list.
  CHECK(load_chat_template(folder.path(), "tool_use").status().code() == Code::kNotFound);
  std::filesystem::create_directory(folder.path() / "additional_chat_templates");
  test::write_file(folder.path() / "additional_chat_templates" / "tool_use.jinja", "beside it");
  test::write_file(folder.path() / "additional_chat_templates" / "rag.jinja", "{% if %}");
  const auto beside = load_chat_template(folder.path());
  REQUIRE(beside.ok());
  CHECK((*(*beside->choose("", true))->chat).render({})->text == "beside it");
  CHECK((*(*beside->choose("tool_use", false))->chat).render({})->text == "beside it");
  CHECK((*(*beside->choose("default", true))->chat).render({})->text == "from the file");
  CHECK(beside->choose("rag", false).status().code() == Code::kFormat);
  CHECK(load_chat_template(folder.path(), "rag").status().code() == Code::kFormat);
  CHECK(load_chat_template(folder.path() / "chat_template.jinja")->special_tokens.empty());
}

}  // namespace
