// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <moxie/core/status.hpp>

// What the program writes, and whether it arrived.

namespace moxie::program {

/// A text that others wrote (a model, a file), for where `stream` leads. On a terminal, control characters but line
/// breaks and tabs are shown, not obeyed: ^[ is the escape, and what a terminal takes for ^[ and a letter is shown as
/// those two. What is no UTF-8 becomes U+FFFD there.
[[nodiscard]] std::string for_terminal(std::string_view text, std::FILE* stream = stdout);

/// Writes it to standard output, as for_terminal() has it.
void print(std::string_view text);

/// Writes a document and a line break. JSON has no bytes: what is no UTF-8 is shown as U+FFFD. Every control character
/// is escaped, on a terminal or not.
void print_json(const nlohmann::ordered_json& json, int indent = -1);

/// Under --json, what standard output gets instead of a document that was not printed.
void print_json_error(const Status& status);
[[nodiscard]] nlohmann::ordered_json describe(const Status& status);

/// Errors   kIo: what was written to standard output so far did not all arrive; where its reader has closed it, with
///          `came` empty.
[[nodiscard]] Status flush_output();
/// The same, at the end of the program.
[[nodiscard]] Status close_output();
/// Whether it is an error of the two, and whether it says that nobody reads any more, which is no news to anybody.
[[nodiscard]] bool is_output_error(const Status& status);
[[nodiscard]] bool nobody_reads(const Status& status);
/// What is not for a terminal is written in few large pieces, so that hardly ever one fails on the way.
void buffer_output();

/// Descriptors 0 to 2 are open from now on, so that no file of ours is taken for standard output.
void keep_standard_streams();

}  // namespace moxie::program
