// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/normalizer.hpp"

#include <cstdint>

#include <moxie/core/text.hpp>

#include "text/tokenizer/unicode.hpp"
#include "text/tokenizer/utf8.hpp"

namespace moxie::text {
namespace {

// The most that Unicode's own forms need is 11 (U+FDFA in NFKD); beside them, room for what is put before a text.
constexpr std::uint64_t most_bytes(std::size_t in) noexcept { return 16 * static_cast<std::uint64_t>(in) + 4096; }

class Run {
 public:
  Run(const MarkedView& in, std::uint64_t most, Matcher& matcher, MarkedText& out) noexcept
      : in_(in), most_(most), matcher_(matcher), out_(out) {}

  Result<bool> operator()(const UnicodeForm& form) const { return form.apply(in_, out_); }

  Result<bool> operator()(const Prepend& step) const {
    if (in_.text.empty() || step.text.empty()) return false;
    start();
    // Marked as the text is that it becomes part of.
    out_.append(step.text, in_.marked(0, 1));
    out_.copy(in_, 0, in_.text.size());
    return true;
  }

  Result<bool> operator()(const Replace& step) const {
    bool changed = false;
    std::size_t copied = 0;
    for (std::size_t from = 0; from <= in_.text.size();) {
      Match match;
      MOXIE_TRY(step.pattern.find(in_.text, from, matcher_, match));
      if (!match.found) break;
      if (!changed) start();
      changed = true;
      out_.copy(in_, copied, match.begin);
      out_.append(step.content, in_.marked(match.begin, match.end));
      copied = match.end;
      if (out_.size() > most_) return Status(Code::kFormat, "normalizer", Text("at most ", most_, " bytes"), "more");
      // Behind an empty match the next one begins a character later.
      from = match.end > match.begin       ? match.end
             : match.end < in_.text.size() ? match.end + character_size(in_.text[match.end])
                                           : match.end + 1;
    }
    if (changed) out_.copy(in_, copied, in_.text.size());
    return changed;
  }

  Result<bool> operator()(const Strip& step) const {
    const std::string_view text = in_.text;
    std::size_t begin = 0;
    std::size_t end = text.size();
    while (step.left && begin < end) {
      const Character c = decode_at(text, begin);
      if (!is_space(c.code)) break;
      begin += c.size;
    }
    while (step.right && end > begin) {
      const std::size_t last = last_character(text, end);
      if (!is_space(decode_at(text, last).code)) break;
      end = last;
    }
    if (begin == 0 && end == text.size()) return false;
    start();
    out_.copy(in_, begin, end);
    return true;
  }

  Result<bool> operator()(const Lowercase&) const {
    bool changed = false;
    std::size_t copied = 0;
    std::string bytes;
    for (std::size_t at = 0; at < in_.text.size();) {
      const Character c = decode_at(in_.text, at);
      const char32_t low = c.code == 0x130 ? U'i' : lower(c.code);
      if (low != c.code) {
        if (!changed) start();
        changed = true;
        bytes.clear();
        append_utf8(bytes, low);
        if (c.code == 0x130) append_utf8(bytes, 0x307);  // the one whose lower case is two characters
        out_.copy(in_, copied, at);
        out_.append(bytes, in_.marked(at, at + c.size));
        copied = at + c.size;
      }
      at += c.size;
    }
    if (changed) out_.copy(in_, copied, in_.text.size());
    return changed;
  }

 private:
  void start() const { out_.start(in_.marks != nullptr, in_.text.size() + 16); }

  const MarkedView& in_;
  std::uint64_t most_;
  Matcher& matcher_;
  MarkedText& out_;
};

}  // namespace

Result<MarkedView> Normalizer::apply(const MarkedView& in, Matcher& matcher, Buffers& buffers) const {
  const std::uint64_t most = most_bytes(in.text.size());
  MarkedView now = in;
  std::size_t next = 0;
  for (const Step& step : steps_) {
    MarkedText& out = buffers.texts[next];
    MOXIE_TRY_LET(const bool changed, std::visit(Run(now, most, matcher, out), step));
    if (!changed) continue;
    if (out.size() > most) {
      return Status(Code::kFormat, "normalizer", Text("at most ", most, " bytes of ", in.text.size()),
                    Text(out.size()));
    }
    now = out.view();
    next = 1 - next;
  }
  return now;
}

}  // namespace moxie::text
