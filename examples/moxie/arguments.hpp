// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "numbers.hpp"
#include "suggestion.hpp"

// Options of the command line whose values are checked while it is read, before any command begins its work. What is
// wrong with one is said as every error is: what was needed, what came.

namespace moxie::program {

/// "--max-tokens" of "-n,--max-tokens".
inline std::string spelled_out(const std::string& names) { return names.substr(names.rfind(',') + 1); }

/// An option whose text `parse(option, text)` makes a value of, or a Status.
template <class To, class Parse>
CLI::Option* add_parsed(CLI::App& command, const std::string& names, To& to, Parse parse, const std::string& help) {
  const auto set = [&to, parse, option = spelled_out(names)](const std::string& text) {
    const auto value = parse(option, text);
    if (!value.ok()) throw CLI::ParseError(std::string(value.status().message()), 2);
    to = static_cast<To>(*value);
  };
  return command.add_option_function<std::string>(names, set, help);
}

template <class To>
CLI::Option* add_whole(CLI::App& command, const std::string& names, To& to, Whole range, const std::string& help) {
  return add_parsed(
             command, names, to,
             [range](const std::string& option, const std::string& text) { return parse_whole(option, text, range); },
             help)
      ->type_name("N");
}

template <class To>
CLI::Option* add_real(CLI::App& command, const std::string& names, To& to, Real range, const std::string& help) {
  return add_parsed(
             command, names, to,
             [range](const std::string& option, const std::string& text) { return parse_real(option, text, range); },
             help)
      ->type_name("X");
}

template <class To>
CLI::Option* add_size(CLI::App& command, const std::string& names, To& to, std::uint64_t unit,
                      const std::string& help) {
  return add_parsed(
             command, names, to,
             [unit](const std::string& option, const std::string& text) { return parse_size(option, text, unit); },
             help)
      ->type_name("SIZE");
}

template <class To>
CLI::Option* add_ids(CLI::App& command, const std::string& names, To& to, const std::string& help) {
  return add_parsed(
             command, names, to,
             [](const std::string& option, const std::string& text) { return parse_ids(option, text); }, help)
      ->type_name("IDS");
}

/// A text that may not be empty: a name, a path.
template <class To>
CLI::Option* add_name(CLI::App& command, const std::string& names, To& to, const char* type, const std::string& help) {
  return add_parsed(
             command, names, to,
             [](const std::string& option, const std::string& text) -> Result<std::string> {
               if (!text.empty()) return text;
               return Status(Code::kInvalidArgument, option, "a name", "an empty one");
             },
             help)
      ->type_name(type);
}

/// An option that takes one of these names.
template <class To, class Value>
CLI::Option* add_choice(CLI::App& command, const std::string& names, To& to,
                        const std::vector<std::pair<std::string, Value>>& choices, const std::string& help) {
  return add_parsed(
             command, names, to,
             [choices](const std::string& option, const std::string& text) -> Result<Value> {
               std::vector<std::string> known;
               std::string all;
               for (const auto& [name, value] : choices) {
                 if (name == text) return value;
                 known.push_back(name);
                 all += (all.empty() ? "" : ", ") + name;
               }
               return Status(Code::kInvalidArgument, option, "one of " + all, text + did_you_mean(text, known));
             },
             help)
      ->type_name("NAME");
}

/// The same, where the name is the value.
inline CLI::Option* add_choice(CLI::App& command, const std::string& names, std::string& to,
                               const std::vector<std::string>& choices, const std::string& help) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string& choice : choices) pairs.emplace_back(choice, choice);
  return add_choice<std::string, std::string>(command, names, to, pairs, help);
}

}  // namespace moxie::program
