// SPDX-License-Identifier: Apache-2.0
// The program moxie as a shell runs it: what it is told, what it says, and with what code it ends.
#include <sys/stat.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "running_program.hpp"
#include "support/catch.hpp"
#include "support/scripted_model.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

namespace fs = std::filesystem;

using Words = std::vector<std::string>;

Ran run(Words words, const std::string& input = {}) {
  return Program{.arguments = std::move(words), .input = input}.run();
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const std::string kTiny = MOXIE_TINY_MODEL;

/// A checkpoint that thinks, says controls of a terminal, and talks without end.
struct Scripted : TemporaryFolder {
  Scripted() {
    ScriptedModel scripts;
    scripts.say('A', {"Hello", ", ", "world"});
    scripts.say('B', {"<think>", "hm, ", "well", "</think>", "I think ", "so"});
    scripts.say('C', {"\xc2\x9b", "31mred \x1b[0m \x7f", "caf\xc3\xa9"});
    scripts.say('D', {"for ever "});
    scripts.loop("for ever ", "for ever ");
    scripts.say('.', {"we ", "talked"});
    scripts.write(path());
  }
};

const std::string& scripted() {
  static const Scripted folder;
  static const std::string path = folder.path().string();
  return path;
}

}  // namespace

TEST_CASE("a number that is none is refused before anything is loaded, in the user's words") {
  const Words run_it = {"run", "-m", "/nowhere", "-p", "x"};
  const Words bench = {"bench", "-m", "/nowhere"};
  const Words logits = {"logits", "-m", "/nowhere", "--tokens"};
  const Words synth = {"synth", "-o", "/nowhere/m.gguf"};
  struct Case {
    Words command;
    Words wrong;
  };
  for (const auto& [command, wrong] : {
           Case{run_it, {"-n", "-5"}},
           Case{run_it, {"-n", "99999999999999999999"}},
           Case{run_it, {"-n", "ten"}},
           Case{run_it, {"--top-k", "-1"}},
           Case{run_it, {"--top-p", "0"}},
           Case{run_it, {"--top-p", "1.5"}},
           Case{run_it, {"--min-p", "-0.1"}},
           Case{run_it, {"--temperature", "-1"}},
           Case{run_it, {"--temperature", "nan"}},
           Case{run_it, {"--repetition-penalty", "0"}},
           Case{run_it, {"--seed", "-1"}},
           Case{run_it, {"--context", "0"}},
           Case{run_it, {"--context", "-1"}},
           Case{run_it, {"--memory", "18446744073709551615"}},
           Case{run_it, {"--memory", "-1"}},
           Case{run_it, {"--memory", "0"}},
           Case{run_it, {"-t", "-1"}},
           Case{run_it, {"-t", "100000"}},
           Case{bench, {"-p", "-5"}},
           Case{bench, {"-n", "-5"}},
           Case{bench, {"-r", "0"}},
           Case{bench, {"--parallel", "0"}},
           Case{bench, {"--depth", "-1"}},
           Case{bench, {"--price-per-hour", "0"}},
           Case{bench, {"--price-per-hour", "free"}},
           Case{logits, {""}},
           Case{logits, {"1,,2"}},
           Case{logits, {"-1"}},
           Case{synth, {"--layers", "-1"}},
           Case{synth, {"--vocab", "0"}},
           Case{{"info", "-m", "/nowhere"}, {"--budget", "-1"}},
           Case{{"info", "-m", "/nowhere"}, {"--budget", "99999999999T"}},
           Case{{"tokenize", "-m", "/nowhere"}, {"--decode", "1,x"}},
           Case{{"tokenize", "-m", "/nowhere", "--text", "x"}, {"--time", "-1"}},
       }) {
    Words words = command;
    words.insert(words.end(), wrong.begin(), wrong.end());
    const Ran ran = run(words);
    CAPTURE(words, ran.err);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(has(ran.err, ": needed "));
    CHECK(has(ran.err, ", came " + (wrong.back().empty() ? "nothing" : wrong.back())));
    CHECK(ran.err.starts_with("moxie: --"));
    CHECK_FALSE(has(ran.err, "/nowhere"));
    CHECK_FALSE(has(ran.err, "::"));
    CHECK_FALSE(has(ran.err, "units"));
  }
}

TEST_CASE("what is wrong is told by the option, not by a function") {
  const Ran folder = run({"run", "-m", kTiny, "-p", "x", "--tools", "read_file", "--folder", "/nowhere"});
  CHECK(folder.code == 1);
  CHECK(folder.err.starts_with("moxie: --folder: needed a folder that can be read, came /nowhere"));
  const Ran ids = run({"logits", "-m", kTiny, "--tokens", "1,99999999"});
  CHECK(ids.code == 1);
  CHECK(ids.err == "moxie: --tokens: needed ids below 4096, came 99999999\n");
}

TEST_CASE("bench refuses what no machine holds before anything is computed") {
  for (const Words& wrong : std::vector<Words>{{"-p", "2000000000"},
                                               {"-n", "2000000000"},
                                               {"--depth", "2000000000", "-p", "1"},
                                               {"-p", "100000", "--parallel", "4096"}}) {
    Words words = {"bench", "-m", "/nowhere"};
    words.insert(words.end(), wrong.begin(), wrong.end());
    const Ran ran = run(words);
    CAPTURE(words, ran.err);
    CHECK(ran.code == 1);
    CHECK(has(ran.err,
              "bench: needed at most 16777216 tokens in all contexts together (--depth, --prompt, --generate, "
              "--parallel), came "));
  }
}

TEST_CASE("memory that is not enough is told in bytes, with the option that gives more") {
  const Ran ran = run({"run", "-m", kTiny, "-p", "Hello", "-n", "4", "--memory", "64K"});
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(has(ran.err, "bytes"));
  CHECK_FALSE(has(ran.err, "units"));
  CHECK(has(ran.err, "--memory"));
}

TEST_CASE("an empty name is no name") {
  for (const Words& words : std::vector<Words>{{"run", "-m", "", "-p", "x"},
                                               {"chat", "-m", ""},
                                               {"info", "-m", ""},
                                               {"synth", "-o", ""},
                                               {"tokenize", "-m", kTiny, "--file", ""},
                                               {"run", "-p", "x", "--folder", ""},
                                               {"run", "-p", "x", "--tools", ""}}) {
    const Ran ran = run(words);
    CAPTURE(words, ran.err);
    CHECK(ran.code == 2);
    CHECK(has(ran.err, "came an empty one"));
  }
}

TEST_CASE("what is not known gets a suggestion") {
  const auto says = [](const Words& words, const std::string& wanted) {
    const Ran ran = run(words);
    CAPTURE(words, ran.err);
    CHECK(ran.code == 2);
    CHECK(has(ran.err, wanted));
  };
  says({"caht"}, "came caht; did you mean chat?");
  says({"rnu", "-p", "x"}, "did you mean run?");
  says({"serve"}, "needed a command (run, ");
  says({}, "needed a command (run, ");
  says({"run", "--promt", "x"}, "there is no option --promt; did you mean --prompt?");
  says({"run", "-p", "x", "--temprature=1"}, "there is no option --temprature; did you mean --temperature?");
  says({"run", "-p", "x", "--tool", "all"}, "did you mean --tools?");
  says({"run", "-p", "why", "is"}, "moxie: is belongs to no option");
  says({"info", "--isa", "avx"}, "did you mean avx2?");
  says({"run"}, "--prompt is required");
}

TEST_CASE("a full disk behind standard output is an error") {
  for (const Words& words :
       std::vector<Words>{{"--help"},
                          {"--version"},
                          {"info"},
                          {"info", "--json"},
                          {"info", "-m", kTiny, "--tensors"},
                          {"tokenize", "-m", kTiny, "--text", "Hello"},
                          {"logits", "-m", kTiny, "--tokens", "1", "--json"},
                          {"run", "-m", scripted(), "-p", "A"},
                          {"run", "-m", scripted(), "-p", "D"},  // without end, were it not noticed
                          {"run", "-m", scripted(), "-p", "A", "--json"}}) {
    const Ran ran = Program{.arguments = words, .output_to = "/dev/full"}.run();
    CAPTURE(words, ran.err);
    CHECK(ran.code == 1);
    CHECK(ran.err == "moxie: standard output: needed a place for what was written, came No space left on device\n");
  }
  // More than the output's buffer holds: it fails on the way, and the reason is the same.
  std::string tokens = "1";
  for (int i = 0; i < 200; ++i) tokens += ",1";
  const Ran large =
      Program{.arguments = {"logits", "-m", kTiny, "--tokens", tokens, "--all", "--json"}, .output_to = "/dev/full"}
          .run();
  CHECK(large.code == 1);
  CHECK(large.err == "moxie: standard output: needed a place for what was written, came No space left on device\n");
  const Ran chat = Program{.arguments = {"chat", "-m", scripted()}, .input = "A\nA\n", .output_to = "/dev/full"}.run();
  CHECK(chat.code == 1);
  CHECK(has(chat.err, "No space left on device"));
}

TEST_CASE("a pipe that nobody reads ends the program quietly") {
  for (const bool ignored : {false, true}) {
    for (const Words& words : std::vector<Words>{{"info"},
                                                 {"run", "-m", scripted(), "-p", "A"},
                                                 {"run", "-m", scripted(), "-p", "D"},
                                                 {"logits", "-m", kTiny, "--tokens", "1,2", "--all", "--json"}}) {
      const Ran ran = Program{.arguments = words, .closed_pipe = true, .ignores_sigpipe = ignored}.run();
      CAPTURE(words, ignored);
      CHECK(ran.code == (ignored ? 1 : 128 + SIGPIPE));
      CHECK(ran.err.empty());
    }
  }
}

TEST_CASE("a model cannot move the cursor, by controls of either kind") {
  const Ran plain = run({"run", "-m", scripted(), "-p", "C"});
  CHECK(plain.out ==
        "\xc2\x9b"
        "31mred \x1b[0m \x7f"
        "caf\xc3\xa9\n");  // a file gets the bytes
  const Ran shown = Program{.arguments = {"run", "-m", scripted(), "-p", "C"}, .terminal = true}.run();
  CHECK(has(shown.out, "^[[31mred ^[[0m ^?caf\xc3\xa9"));
  CHECK_FALSE(has(shown.out, "\xc2\x9b"));
  const Ran json = run({"run", "-m", scripted(), "-p", "C", "--json"});
  CHECK(has(json.out, R"("text":"\u009b31mred \u001b[0m \u007fcafé")"));

  const Ran chat = Program{.arguments = {"chat", "-m", scripted()}, .input = "C\n/quit\n", .terminal = true}.run();
  CHECK(has(chat.out, "^[[31mred"));
  CHECK_FALSE(has(chat.out, "\xc2\x9b"));
}

TEST_CASE("under --json an error is JSON too") {
  const auto error_of = [](const Words& words, int code) {
    const Ran ran = run(words);
    CAPTURE(words, ran.out, ran.err);
    CHECK(ran.code == code);
    const auto json = nlohmann::json::parse(ran.out, nullptr, false);
    REQUIRE(json.is_object());
    REQUIRE(json.contains("error"));
    CHECK(json["error"]["message"].is_string());
    return json["error"]["code"].get<std::string>();
  };
  CHECK(error_of({"run", "-m", "/nowhere", "-p", "x", "--json"}, 1) == "not found");
  CHECK(error_of({"info", "-m", "/nowhere", "--json"}, 1) == "not found");
  CHECK(error_of({"bench", "-m", "/nowhere", "--json"}, 1) == "not found");
  CHECK(error_of({"logits", "-m", kTiny, "--tokens", "99999999", "--json"}, 1) == "invalid argument");
  CHECK(error_of({"run", "-p", "x", "--json", "-n", "-5"}, 2) == "invalid argument");
  CHECK(error_of({"run", "-p", "x", "--json", "--nothing"}, 2) == "invalid argument");
  CHECK(error_of({"run", "-m", scripted(), "-p", "a prompt A", "--context", "4", "--json"}, 1) == "budget");
  // A prompt that only looks like it is none.
  CHECK(run({"run", "-m", scripted(), "-p", "--json A"}).out == "Hello, world\n");
}

TEST_CASE("an answer that a full context cut says so") {
  const Ran ran = run({"run", "-m", scripted(), "-p", "D", "--context", "20"});
  CHECK(ran.code == 0);
  CHECK(ran.err == "moxie: the answer is cut: the conversation fills its 20 tokens\n");
  CHECK(run({"run", "-m", scripted(), "-p", "D", "-n", "3"}).err.empty());  // as it was told
  const Ran none = run({"run", "-m", scripted(), "-p", "a prompt that does not fit D", "--context", "20"});
  CHECK(none.code == 1);
  CHECK(none.out.empty());
  CHECK(has(none.err, "(--context sets how many tokens"));
}

TEST_CASE("Ctrl-C ends with a sentence") {
  const Ran ran =
      Program{
          .arguments = {"run", "-m", scripted(), "-p", "D"}, .terminal = true, .interrupt_after = "for ever for ever"}
          .run();
  CHECK(ran.code == 128 + SIGINT);
  CHECK(has(ran.out, "\r\nmoxie: stopped by Ctrl-C\r\n"));
  CHECK_FALSE(has(ran.out, "needed"));
  const TemporaryFolder folder;
  const Ran synth = Program{.arguments = {"synth", "-o", (folder / "m.gguf").string(), "--layers", "8"},
                            .terminal = true,
                            .interrupt_after = "write tensors"}
                        .run();
  CHECK(synth.code == 128 + SIGINT);
  CHECK(has(synth.out, "moxie: stopped by Ctrl-C\r\n"));
  CHECK(fs::is_empty(folder.path()));  // nothing half written stays
}

TEST_CASE("run shows on a terminal that a model is reasoning, and answers the same elsewhere") {
  const Ran plain = run({"run", "-m", scripted(), "-p", "B"});
  CHECK(plain.out == "I think so\n");
  CHECK(plain.err.empty());
  const Ran shown = Program{.arguments = {"run", "-m", scripted(), "-p", "B"}, .terminal = true}.run();
  CHECK(has(shown.out, "\x1b[90mhm, well\x1b[0m\r\nI think so\r\n"));
}

TEST_CASE("a conversation that is full can be shortened in three ways") {
  const std::string long_question = std::string(100, 'x') + "A\n";
  const Ran ran =
      run({"chat", "-m", scripted(), "--context", "200"},
          long_question + long_question + "/drop\n" + long_question + "/drop 2\n/drop 1\n/drop\n" +
              "first A\nsecond A\n/compact\n/drop\n/drop\n" + long_question + "/compact\n/reset\n/compact\n/rest\n");
  INFO(ran.out);
  CHECK(ran.code == 0);
  const Words wanted = {
      "Hello, world\n",
      "\n(there is no room left for this question and an answer)\n(/drop forgets the oldest question, ",
      "(forgotten: 1 of 1 questions, with their answers)\n",
      "Hello, world\n",
      "(/drop: needed a whole number from 1 to 1, came 2)\n",
      "(forgotten: 1 of 1 questions, with their answers)\n",
      "(there is nothing to forget)\n",
      "Hello, world\nHello, world\n",
      "we talked\n(that summary stands for the conversation now)\n",
      "(forgotten: 1 of 1 questions, with their answers)\n",
      "(there is nothing to forget)\n",
      "Hello, world\n",
      "(not even the last question leaves room for a summary; /drop or /reset)\n",
      "(a new conversation)\n",
      "(there is nothing to sum up)\n",
      "(there is no /rest; did you mean /reset?; /help shows what there is)\n",
  };
  std::size_t at = 0;
  for (const std::string& one : wanted) {
    const std::size_t found = ran.out.find(one, at);
    INFO(one);
    REQUIRE(found != std::string::npos);
    at = found + one.size();
  }
  const Ran cut = run({"chat", "-m", scripted(), "--context", "20"}, "D\n");
  CHECK(has(cut.out, "\n(the answer is cut: the conversation fills its 20 tokens)\n(/drop forgets"));
  const Ran too_long = run({"chat", "-m", scripted(), "--context", "20"}, long_question);
  CHECK(has(too_long.out, "(this question is longer than the conversation may be: --context N)\n"));
}

TEST_CASE("a model is found under any name, and by its folder") {
  const TemporaryFolder folder;
  fs::create_directory(folder / "repository");
  const std::vector<fs::path> names = {folder / "M.GGUF", folder / "sha256-00ff", folder / "repository" / "m.gguf"};
  for (const fs::path& name : names) fs::copy_file(kTiny, name);
  const std::string answer = run({"run", "-m", kTiny, "-p", "What is 2 plus 3?", "-n", "8"}).out;
  for (const fs::path& path : {names[0], names[1], folder / "repository"}) {
    CAPTURE(path.string());
    CHECK(run({"run", "-m", path.string(), "-p", "What is 2 plus 3?", "-n", "8"}).out == answer);
    CHECK(run({"tokenize", "-m", path.string(), "--text", "Hello"}).code == 0);
    CHECK(run({"info", "-m", path.string()}).code == 0);
    write_file(folder / "messages.json", R"([{"role":"user","content":"Hello"}])");
    CHECK(run({"template", "-m", path.string(), "--messages", (folder / "messages.json").string()}).code == 0);
  }
}

TEST_CASE("info --json has numbers as numbers") {
  const Ran ran = run({"info", "-m", kTiny, "--json"});
  const auto json = nlohmann::json::parse(ran.out);
  for (const char* key : {"num_hidden_layers", "hidden_size", "num_experts", "vocab_size", "max_position_embeddings"}) {
    CHECK(json["model"][key].is_number_unsigned());
  }
  const auto yarn = nlohmann::json::parse(run({"info", "-m", MOXIE_TEST_DATA "/qwen3_yarn", "--json"}).out);
  CHECK(yarn["model"]["rope scaling"]["factor"].is_number());
  const auto listed = nlohmann::json::parse(run({"info", "-m", kTiny, "--tensors", "--json"}).out);
  const auto& metadata = listed["metadata"];
  std::size_t numbers = 0;
  for (const auto& [key, value] : metadata.items()) numbers += value.is_number() ? 1U : 0U;
  CHECK(numbers >= 8);
  CHECK(metadata["general.architecture"].is_string());
  CHECK(metadata["tokenizer.ggml.eos_token_id"].is_number_unsigned());
}

TEST_CASE("synth does not begin what would take hours") {
  const TemporaryFolder folder;
  const std::string file = (folder / "m.gguf").string();
  for (const Words& sizes : std::vector<Words>{{"--layers", "5000", "--hidden", "1000000"},
                                               {"--experts", "1000000"},
                                               {"--vocab", "16777216", "--hidden", "1048576"},
                                               {"--layers", "100000", "--hidden", "8"}}) {
    Words words = {"synth", "-o", file};
    words.insert(words.end(), sizes.begin(), sizes.end());
    const Ran ran = run(words);
    CAPTURE(words, ran.err);
    CHECK(ran.code == 1);
    CHECK((has(ran.err, "needed --yes for a file of more than 100 GB, came about ") ||
           has(ran.err, "--layers of at most")));
    CHECK(fs::is_empty(folder.path()));
  }
  CHECK(run({"synth", "-o",
             file,    "--layers",
             "1",     "--hidden",
             "64",    "--experts",
             "2",     "--experts-per-token",
             "1",     "--expert-width",
             "64",    "--heads",
             "2",     "--kv-heads",
             "1",     "--head-width",
             "32",    "--vocab",
             "300"})
            .code == 0);
}

TEST_CASE("-o leaves what is no regular file as it is") {
  const TemporaryFolder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  const Ran ran = run({"pack", "-m", kTiny, "-o", (folder / "pipe").string()});
  CHECK(ran.code == 1);
  INFO(ran.err);
  CHECK(has(ran.err, "came a pipe"));
  CHECK(fs::is_fifo(folder / "pipe"));
}

TEST_CASE("another template, one of several, and what it asks for") {
  const TemporaryFolder folder;
  const std::string shouts = (folder / "shouts.jinja").string();
  write_file(shouts, "{% for m in messages %}<|user|>{{ m.content if not quiet else 'B' }}{% endfor %}");
  const Words asked = {"run", "-m", scripted(), "-p", "A"};
  const auto with = [&](const Words& more) {
    Words words = asked;
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  CHECK(has(with({"--template", shouts}).out, "Hello, world"));
  CHECK(has(with({"--template", shouts, "--set", "quiet=true"}).out, "I think so"));
  CHECK(has(with({"--template-name", "default"}).out, "Hello, world"));
  const Ran unknown = with({"--template-name", "rag"});
  CHECK(unknown.code != 0);
  CHECK(has(unknown.err, "default"));
  CHECK(has(unknown.err, "rag"));
  for (const Words& wrong :
       {Words{"--set", "quiet"}, Words{"--set", "=1"}, Words{"--template", "/nowhere.jinja"},
        Words{"--template", shouts, "--template-name", "default"}, Words{"--raw", "--set", "a=1"}}) {
    INFO(wrong[0] << " " << wrong[1]);
    const Ran refused = with(wrong);
    CHECK(refused.code != 0);
    CHECK(!refused.err.empty());
  }
  write_file(folder / "chat.json", R"([{"role": "user", "content": "A"}])");
  CHECK(run({"template", "-m", shouts, "--messages", (folder / "chat.json").string(), "--set", "quiet=true"}).out ==
        "<|user|>B");
}

TEST_CASE("bench says phase by phase where the time goes") {
  const Ran plain = run({"bench", "-m", kTiny, "-p", "8", "-n", "2", "-r", "1", "--profile"});
  CHECK(plain.code == 0);
  for (const char* phase : {"attention", "experts", "head"}) CHECK(has(plain.out, phase));
  const Ran ran = run({"bench", "-m", kTiny, "-p", "8", "-n", "2", "-r", "1", "--profile", "--json"});
  REQUIRE(ran.code == 0);
  const auto json = nlohmann::json::parse(ran.out);
  REQUIRE(json["results"].size() == 2);
  for (const auto& result : json["results"]) {
    const auto& experts = result["phases"]["experts"];
    CHECK(experts["seconds"].get<double>() > 0);
    CHECK(experts["int8_operations"].get<std::uint64_t>() > 0);
    if (json.contains("limits")) CHECK(experts["limit_seconds"].get<double>() > 0);
  }
}

TEST_CASE("bench says what a million tokens cost where the host names a price") {
  Words words = {"bench", "-m", kTiny, "-p", "8", "-n", "2", "-r", "1"};
  CHECK_FALSE(has(run(words).out, "cost"));
  words.insert(words.end(), {"--price-per-hour", "7.2"});
  CHECK(has(run(words).out, "tg2: 1M tokens cost "));
  words.emplace_back("--json");
  const Ran ran = run(words);
  REQUIRE(ran.code == 0);
  const auto json = nlohmann::json::parse(ran.out);
  CHECK(json["price_per_hour"] == 7.2);
  REQUIRE(json["results"].size() == 2);
  for (const auto& result : json["results"]) {
    // 7.2 in an hour are 0.002 in a second, so 2000 for a million seconds.
    const double expected = 2000 / result["median_ts"].get<double>();
    CHECK(std::abs(result["cost_per_million_tokens"].get<double>() - expected) <= 1e-9 * expected);
  }
}

TEST_CASE("run writes what its steps did, for a viewer of traces") {
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "trace.json").string();
  REQUIRE(run({"run", "-m", kTiny, "-p", "What is 2 times 3?", "-n", "4", "--trace", file}).code == 0);
  std::ifstream written(file);
  const auto events = nlohmann::json::parse(written)["traceEvents"];
  std::size_t steps = 0, experts = 0;
  double step_end = 0, last_end = 0;
  for (const auto& event : events) {
    CHECK(event["ph"] == "X");
    const double begin = event["ts"], end = begin + event["dur"].get<double>();
    if (event["name"].get<std::string>().starts_with("step ")) {
      ++steps;
      step_end = end;
      CHECK(begin >= last_end);
      continue;
    }
    experts += event["name"] == "experts";
    CHECK(end <= step_end + 0.002);  // thousandths of a microsecond are cut off
    last_end = end;
  }
  CHECK(steps == 4);
  CHECK(experts >= 4);
  const Ran refused = run({"run", "-m", "/nowhere", "-p", "x", "--trace", "/nowhere/trace.json"});
  CHECK(refused.code == 1);
  CHECK(has(refused.err, "/nowhere/trace.json"));
}

TEST_CASE("validate says by its code and in words whether a value fits a schema") {
  const TemporaryFolder folder;
  const auto file = [&](const char* name, const std::string& text) {
    write_file(folder / name, text);
    return (folder / name).string();
  };
  const std::string schema = file("schema.json", R"({"properties":{"age":{"maximum":120}}})");
  const auto validate = [&](const std::string& of, const std::string& text, Words more = {}) {
    Words words = {"validate", "--schema", of, "--instance", file("value.json", text)};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  CHECK(validate(schema, R"({"age":12})").code == 0);
  const Ran wrong = validate(schema, R"({"age":130})");
  CHECK(wrong.code == 1);
  CHECK(has(wrong.out, "/age: needed at most 120, came 130"));
  const Ran json = validate(schema, R"({"age":130})", {"--json"});
  CHECK(json.code == 1);
  CHECK(nlohmann::json::parse(json.out)["problems"][0]["schema"] == "#/properties/age/maximum");
  const Ran unsupported = validate(file("look.json", R"x({"pattern":"(?=a)"})x"), "\"a\"");
  CHECK(unsupported.code == 2);
  CHECK(has(unsupported.err, "#/pattern"));
  CHECK(run({"validate", "--schema", schema}).code == 2);
}

TEST_CASE("run holds an answer to a regular expression or a grammar") {
  const TemporaryFolder folder;
  const auto by_grammar = [&](const std::string& text) {
    write_file(folder / "grammar.gbnf", text);
    return run({"run", "-m", kTiny, "-p", "A fox.", "--grammar", (folder / "grammar.gbnf").string(), "-n", "40"});
  };
  const Ran colour = by_grammar("root ::= colour (\" \" colour)?\ncolour ::= \"red\" | \"blue\"\n");
  CHECK(colour.code == 0);
  CHECK((colour.out.starts_with("red") || colour.out.starts_with("blue")));
  const Ran unknown = by_grammar("root ::= x");
  CHECK(unknown.code == 1);
  CHECK(has(unknown.err, "x"));
  const Ran one = run({"run", "-m", kTiny, "-p", "A fox.", "--regex", "(red|blue) [a-z]{3}", "-n", "40"});
  CHECK(one.code == 0);
  CHECK((one.out.starts_with("red ") || one.out.starts_with("blue ")));
  CHECK(one.err == "");
}
