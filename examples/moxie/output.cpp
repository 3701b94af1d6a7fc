// SPDX-License-Identifier: Apache-2.0
#include "output.hpp"

#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <moxie/core/utf8.hpp>

namespace moxie::program {

namespace {

constexpr std::string_view kOutput = "standard output";
constexpr std::string_view kOutputNeeded = "a place for what was written";
bool printed_json = false;

bool is_c1(char32_t code) { return code >= 0x80 && code < 0xa0; }

/// Why standard output failed first; the C library forgets it, and the bytes too.
int first_error = 0;

bool reader_is_gone() {
  pollfd output{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  return ::poll(&output, 1, 0) > 0 && (output.revents & POLLERR) != 0;
}

Status written(bool fine) {
  if (!fine && first_error == 0) first_error = errno;
  if (fine && first_error == 0 && std::ferror(stdout) == 0) return {};
  if (first_error == 0) {
    // It failed on the way, while a full buffer was written. What was in the way then most likely is so still.
    std::clearerr(stdout);
    if (std::fputc('\n', stdout) == EOF || std::fflush(stdout) != 0) first_error = errno;
  }
  if (first_error == EPIPE || reader_is_gone()) return Status(Code::kIo, kOutput, kOutputNeeded, "");
  return Status(Code::kIo, kOutput, kOutputNeeded,
                first_error == 0 ? "a failure" : std::generic_category().message(first_error));
}

}  // namespace

std::string for_terminal(std::string_view text, std::FILE* stream) {
  if (::isatty(::fileno(stream)) == 0) return std::string(text);
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const utf8::Character c = utf8::decode_at(text, at);
    if (c.code == utf8::kNoCharacter) {
      utf8::append(out, U'\ufffd');
    } else if ((c.code < 0x20 && c.code != '\n' && c.code != '\t') || c.code == 0x7f) {
      out += {'^', static_cast<char>(c.code ^ 0x40U)};
    } else if (is_c1(c.code)) {
      out += {'^', '[', static_cast<char>(c.code - 0x40)};
    } else {
      out += text.substr(at, c.size);
    }
    at += c.size;
  }
  return out;
}

void print(std::string_view text) {
  const std::string shown = for_terminal(text);
  std::fwrite(shown.data(), 1, shown.size(), stdout);
}

void print_json(const nlohmann::ordered_json& json, int indent) {
  using Json = nlohmann::ordered_json;
  const std::string text = json.dump(indent, ' ', false, Json::error_handler_t::replace);
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const utf8::Character c = utf8::decode_at(text, at);
    if (is_c1(c.code) || c.code == 0x7f) {  // the others below U+0020 are escaped already
      constexpr std::string_view kDigits = "0123456789abcdef";
      out += {'\\', 'u', '0', '0', kDigits[c.code >> 4U], kDigits[c.code & 0xfU]};
    } else {
      out += std::string_view(text).substr(at, c.size);
    }
    at += c.size;
  }
  out += '\n';
  std::fwrite(out.data(), 1, out.size(), stdout);
  printed_json = true;
}

nlohmann::ordered_json describe(const Status& status) {
  return {{"code", name(status.code())}, {"message", status.message()}};
}

void print_json_error(const Status& status) {
  if (!printed_json) print_json({{"error", describe(status)}});
}

Status flush_output() { return written(std::fflush(stdout) == 0); }

Status close_output() {
  // Some file systems say only when a file is closed that it could not be written.
  MOXIE_TRY(flush_output());
  return written(std::fclose(stdout) == 0);
}

bool is_output_error(const Status& status) { return status.code() == Code::kIo && status.where() == kOutput; }
bool nobody_reads(const Status& status) { return is_output_error(status) && status.came().empty(); }

void buffer_output() {
  static std::array<char, std::size_t{1} << 20U> buffer;
  if (::isatty(STDOUT_FILENO) == 0) std::setvbuf(stdout, buffer.data(), _IOFBF, buffer.size());
}

void keep_standard_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) != -1 || errno != EBADF) continue;
    // The wrong way round: reading and writing still fail there, as they should. The lowest free number is this one.
    static_cast<void>(::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY));
  }
}

}  // namespace moxie::program
