// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <moxie/constraint/schema.hpp>

#include "commands.hpp"
#include "files.hpp"
#include "output.hpp"

namespace moxie::program {

namespace {

constexpr int kUnsupported = 2;

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

Json to_json(const SchemaProblem& problem) {
  return {{"path", problem.instance_path},
          {"schema", problem.schema_path},
          {"needed", problem.needed},
          {"came", problem.came}};
}

Status check_one(const Validate& options, int& code) {
  MOXIE_TRY_LET(const std::string schema_text, read_file(options.schema));
  MOXIE_TRY_LET(const std::string instance, read_file(options.instance));
  const auto schema = Schema::compile(schema_text);
  const Result<std::vector<SchemaProblem>> problems = schema.ok() ? schema->check(instance) : schema.status();
  if (!problems.ok()) {
    code = kUnsupported;
    return problems.status();
  }
  code = problems->empty() ? 0 : 1;
  if (options.json) {
    Json list = Json::array();
    for (const SchemaProblem& problem : *problems) list.push_back(to_json(problem));
    print_json({{"valid", problems->empty()}, {"problems", list}});
    return {};
  }
  for (const SchemaProblem& problem : *problems) print(problem.text() + " (" + problem.schema_path + ")\n");
  if (problems->empty()) print("valid\n");
  return {};
}

/// The documents of the suite, as if they were served where its schemas say.
Status read_remotes(const fs::path& folder, SchemaOptions& options) {
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (!it->is_regular_file()) continue;
    MOXIE_TRY_LET(const std::string text, read_file(it->path().string()));
    options.documents.emplace_back("http://localhost:1234/" + fs::relative(it->path(), folder).generic_string(), text);
  }
  return {};
}

struct Tally {
  std::size_t right = 0;
  Json wrong = Json::array();
  Json unsupported = Json::array();
};

Json part(const Json& of, const char* key) { return of.contains(key) ? of[key] : Json(); }

Status check_file(const fs::path& path, const SchemaOptions& options, Tally& tally) {
  MOXIE_TRY_LET(const std::string text, read_file(path.string()));
  const Json groups = Json::parse(text, nullptr, false);
  if (!groups.is_array()) return Status(Code::kFormat, path.native(), "a file of the official suite", "something else");
  for (const Json& group : groups) {
    if (!group.contains("schema") || !group.contains("tests")) {
      return Status(Code::kFormat, path.native(), "groups with schema and tests", "one without");
    }
    const auto schema = Schema::compile(group["schema"].dump(), options);
    for (const Json& test : group["tests"]) {
      const Json named = {{"file", path.filename().string()},
                          {"group", part(group, "description")},
                          {"test", part(test, "description")}};
      const Result<std::vector<SchemaProblem>> problems =
          schema.ok() ? schema->check(test["data"].dump()) : schema.status();
      if (!problems.ok()) {
        Json one = named;
        one["why"] = std::string(problems.status().message());
        tally.unsupported.push_back(one);
      } else if (problems->empty() == (part(test, "valid") == true)) {
        ++tally.right;
      } else {
        tally.wrong.push_back(named);
      }
    }
  }
  return {};
}

Status check_suite(const Validate& options, int& code) {
  const fs::path folder = options.suite;
  std::error_code error;
  fs::path tests = folder / "tests" / "draft2020-12";
  if (!fs::is_directory(tests, error)) tests = folder / "tests";
  if (!fs::is_directory(tests, error)) tests = folder;
  std::vector<fs::path> files;
  for (fs::directory_iterator it(tests, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".json") files.push_back(it->path());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) return Status(Code::kNotFound, options.suite, "a folder with .json files of tests", "none");
  SchemaOptions remotes;
  if (fs::is_directory(folder / "remotes", error)) MOXIE_TRY(read_remotes(folder / "remotes", remotes));
  Tally tally;
  for (const fs::path& file : files) MOXIE_TRY(check_file(file, remotes, tally));
  code = !tally.wrong.empty() ? 1 : tally.unsupported.empty() ? 0 : kUnsupported;
  if (options.json) {
    print_json({{"right", tally.right}, {"wrong", tally.wrong}, {"unsupported", tally.unsupported}});
    return {};
  }
  print(std::to_string(tally.right) + " right, " + std::to_string(tally.wrong.size()) + " wrong, " +
        std::to_string(tally.unsupported.size()) + " unsupported\n");
  for (const Json& one : tally.wrong) print("wrong: " + one.dump() + "\n");
  for (const Json& one : tally.unsupported) print("unsupported: " + one.dump() + "\n");
  return {};
}

}  // namespace

Status run_validate(const Validate& options) {
  return options.suite.empty() ? check_one(options, options.exit_code) : check_suite(options, options.exit_code);
}

}  // namespace moxie::program
