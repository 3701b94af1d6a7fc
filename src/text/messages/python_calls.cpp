// SPDX-License-Identifier: Apache-2.0
#include <charconv>

#include <moxie/core/json_string.hpp>
#include <moxie/core/utf8.hpp>

#include "text/messages/read_calls.hpp"

namespace moxie::inline abi1::text {

namespace {

constexpr std::string_view kSpace = " \t\r\n";

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// [name(key=value, ...), ...], or calls one after the other without the brackets. Values are literals; nothing is
/// evaluated. With a mark, texts stand between two of it and the keys of objects stand bare.
class LiteralReader {
 public:
  explicit LiteralReader(std::string_view text, std::string_view mark = {}) noexcept : text_(text), mark_(mark) {}

  Result<std::vector<ToolCall>> calls() {
    std::vector<ToolCall> calls;
    const bool list = take('[');
    do {
      if (list && !calls.empty() && next() == ']') break;  // a comma behind the last
      MOXIE_TRY_LET(ToolCall call, this->call());
      calls.push_back(std::move(call));
    } while (list ? take(',') : next() != '\0');
    if (list) MOXIE_TRY(must_take(']'));
    MOXIE_TRY(end());
    return calls;
  }
  Result<std::string> literal() {
    std::string out;
    MOXIE_TRY(value(out, 0));
    MOXIE_TRY(end());
    return out;
  }

 private:
  static constexpr std::size_t kMaxDepth = 64;

  [[nodiscard]] char next() noexcept {
    at_ = std::min(text_.find_first_not_of(kSpace, at_), text_.size());
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) noexcept {
    if (next() != c || at_ == text_.size()) return false;
    ++at_;
    return true;
  }
  Status end() {
    static_cast<void>(next());
    return at_ == text_.size() ? Status() : wrong("the end");
  }
  Status must_take(char c) { return take(c) ? Status() : wrong(std::string_view(&c, 1)); }
  [[nodiscard]] Status wrong(std::string_view needed) const {
    return Status(Code::kFormat, kToolCall, needed,
                  at_ < text_.size() ? Text("'", text_.substr(at_, 40), "'") : Text("the end"));
  }

  std::string_view name() noexcept {
    const std::size_t begin = (static_cast<void>(next()), at_);
    while (at_ < text_.size() &&
           (is_letter(text_[at_]) || is_digit(text_[at_]) || text_[at_] == '.' || text_[at_] == '-')) {
      ++at_;
    }
    return text_.substr(begin, at_ - begin);
  }

  Result<ToolCall> call() {
    ToolCall call{.name = std::string(name()), .arguments = "{"};
    if (call.name.empty() || !is_letter(call.name[0])) return wrong("the name of a function");
    MOXIE_TRY(must_take('('));
    std::vector<std::string_view> keys;
    while (next() != ')') {
      const std::string_view key = name();
      if (key.empty() || !is_letter(key[0])) return wrong("the name of an argument");
      for (const std::string_view other : keys) {
        if (other == key) return wrong("each argument once");
      }
      keys.push_back(key);
      if (keys.size() > kMaxArguments) return wrong("fewer arguments");
      MOXIE_TRY(must_take('='));
      if (keys.size() > 1) call.arguments += ',';
      quote(call.arguments, key);
      call.arguments += ':';
      MOXIE_TRY(value(call.arguments, 0));
      if (!take(',')) break;
    }
    MOXIE_TRY(must_take(')'));
    call.arguments += '}';
    return call;
  }

  static constexpr std::size_t kMaxArguments = 256;

  static void quote(std::string& out, std::string_view text) {
    json::write_string(text, [&](std::string_view part) { out.append(part); });
  }

  Status value(std::string& out, std::size_t depth) {
    if (depth == kMaxDepth) return wrong("values that are less deep");
    const char c = next();
    if (marked()) return marked_string(out);
    if (c == '\'' || c == '"') return string(out);
    if (c == '[') return items(out, '[', ']', depth);
    if (c == '(') return items(out, '(', ')', depth);
    if (c == '{') return items(out, '{', '}', depth);
    if (is_digit(c) || c == '-') return number(out);
    const std::string_view word = name();
    if (word == "True" || word == "true") {
      out += "true";
    } else if (word == "False" || word == "false") {
      out += "false";
    } else if (word == "None" || word == "null") {
      out += "null";
    } else {
      at_ -= word.size();
      return wrong("a value");
    }
    return {};
  }

  /// As JSON writes numbers, which is a part of how Python does.
  Status number(std::string& out) {
    const std::size_t begin = at_;
    at_ = std::min(text_.find_first_not_of("+-.0123456789eE", at_), text_.size());
    const std::string_view written = text_.substr(begin, at_ - begin);
    if (!parse_call_json(written, written.size()).ok()) {
      at_ = begin;
      return wrong("a number");
    }
    out.append(written);
    return {};
  }

  Status items(std::string& out, char open, char close, std::size_t depth) {
    static_cast<void>(take(open));
    out += open == '{' ? '{' : '[';
    for (bool first = true; next() != close; first = false) {
      if (!first) {
        MOXIE_TRY(must_take(','));
        if (next() == close) break;
        out += ',';
      }
      if (open == '{') {
        MOXIE_TRY(key(out));
        MOXIE_TRY(must_take(':'));
        out += ':';
      }
      MOXIE_TRY(value(out, depth + 1));
    }
    MOXIE_TRY(must_take(close));
    out += open == '{' ? '}' : ']';
    return {};
  }

  Status key(std::string& out) {
    if (next() == '\'' || next() == '"') return string(out);
    if (marked()) return marked_string(out);
    const std::size_t end = std::min(text_.find_first_of(":,{}[]", at_), text_.size());
    const std::string_view bare = trimmed(text_.substr(at_, end - at_));
    if (mark_.empty() || bare.empty()) return wrong("a key");
    quote(out, bare);
    at_ = end;
    return {};
  }

  [[nodiscard]] bool marked() const noexcept { return !mark_.empty() && text_.substr(at_).starts_with(mark_); }

  /// Everything is meant as it stands there.
  Status marked_string(std::string& out) {
    const std::size_t begin = at_ + mark_.size();
    const std::size_t end = text_.find(mark_, begin);
    if (end == std::string_view::npos) return wrong("the end of a string");
    quote(out, text_.substr(begin, end - begin));
    at_ = end + mark_.size();
    return {};
  }

  Status string(std::string& out) {
    const char quote_mark = text_[at_++];
    std::string text;
    for (;; ++at_) {
      if (at_ >= text_.size()) return wrong("the end of a string");
      const char c = text_[at_];
      if (c == quote_mark) break;
      if (c != '\\') {
        text += c;
        continue;
      }
      ++at_;
      MOXIE_TRY(escape(text));
    }
    ++at_;
    quote(out, text);
    return {};
  }

  Status escape(std::string& text) {
    static constexpr std::string_view kWritten = "nrtabfv0\\'\"";
    static constexpr std::string_view kMeant("\n\r\t\a\b\f\v\0\\'\"", 11);
    if (at_ >= text_.size()) return wrong("the end of a string");
    const char c = text_[at_];
    if (const std::size_t which = kWritten.find(c); which != std::string_view::npos) {
      text += kMeant[which];
      return {};
    }
    const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0) {  // Python keeps both
      text += '\\';
      text += c;
      return {};
    }
    std::uint32_t code = 0;
    const char* begin = text_.data() + at_ + 1;
    if (text_.size() - at_ - 1 < digits) return wrong("a character's number");
    const auto [stop, error] = std::from_chars(begin, begin + digits, code, 16);
    if (error != std::errc() || stop != begin + digits || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
      return wrong("a character's number");
    }
    utf8::append(text, code);
    at_ += digits;
    return {};
  }

  std::string_view text_;
  std::string_view mark_;
  std::size_t at_ = 0;
};

}  // namespace

Result<std::vector<ToolCall>> read_python_calls(std::string_view body) { return LiteralReader(body).calls(); }

Result<std::string> read_literal(std::string_view text, std::string_view mark) {
  return LiteralReader(text, mark).literal();
}

}  // namespace moxie::text
