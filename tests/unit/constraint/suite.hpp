// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/data.hpp"

namespace moxie::test {

// The required tests of the official JSON-Schema-Test-Suite for draft 2020-12 (tests/data/json-schema-suite).

inline std::filesystem::path suite_folder() { return test_data() / "json-schema-suite"; }

inline std::string file_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// What schemas of the suite refer to, as if it were served at http://localhost:1234.
inline std::vector<std::pair<std::string, std::string>> suite_remotes() {
  std::vector<std::pair<std::string, std::string>> remotes;
  const std::filesystem::path folder = suite_folder() / "remotes";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    remotes.emplace_back("http://localhost:1234/" + std::filesystem::relative(entry.path(), folder).generic_string(),
                         file_text(entry.path()));
  }
  return remotes;
}

/// Calls f(file, group, test) for each required test.
template <class F>
void each_suite_test(F&& f) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(suite_folder() / "tests")) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    for (const auto& group : nlohmann::ordered_json::parse(file_text(file))) {
      for (const auto& test : group["tests"]) f(file.stem().string(), group, test);
    }
  }
}

}  // namespace moxie::test
