// SPDX-License-Identifier: Apache-2.0
#include "resident.hpp"

#include <charconv>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string>

namespace moxie::program {

namespace {

/// Bytes of the line "`name`:   123 kB".
std::optional<std::size_t> bytes_of(std::string_view text, std::string_view name) {
  const std::string start = std::string(name) + ":";
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view line = text.substr(at, text.find('\n', at) - at);
    at += line.size() + 1;
    if (!line.starts_with(start)) continue;
    const std::size_t digits = line.find_first_not_of(' ', start.size());
    if (digits == std::string_view::npos) return std::nullopt;
    std::size_t kilobytes = 0;
    const char* end = line.data() + line.size();
    const auto [stop, error] = std::from_chars(line.data() + digits, end, kilobytes);
    constexpr std::size_t kMax = std::numeric_limits<std::size_t>::max() / 1024;
    if (error != std::errc() || std::string_view(stop, end) != " kB" || kilobytes > kMax) return std::nullopt;
    return kilobytes * 1024;
  }
  return std::nullopt;
}

}  // namespace

Result<Resident> resident_of(std::string_view text) {
  const auto bytes = bytes_of(text, "Rss");
  if (!bytes) return Status(Code::kFormat, "smaps_rollup", "a line \"Rss: N kB\"", "none");
  // A kernel that has no huge pages of a kind has no line for them.
  const std::size_t own = bytes_of(text, "AnonHugePages").value_or(0);
  const std::size_t file = bytes_of(text, "FilePmdMapped").value_or(0);
  const std::size_t shared = bytes_of(text, "ShmemPmdMapped").value_or(0);
  if (own > *bytes || file > *bytes - own || shared > *bytes - own - file) {
    return Status(Code::kFormat, "smaps_rollup", "huge pages among the resident ones", "more of them");
  }
  return Resident{.bytes = *bytes, .huge = own + file + shared};
}

Result<Resident> resident_memory() {
  constexpr const char* kPath = "/proc/self/smaps_rollup";
  std::ifstream file(kPath);
  std::ostringstream text;
  if (!(text << file.rdbuf())) return Status(Code::kNotFound, kPath, "what is resident", "nothing to read");
  return resident_of(text.view());
}

}  // namespace moxie::program
