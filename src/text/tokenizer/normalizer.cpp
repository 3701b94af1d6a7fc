// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/normalizer.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

#include <moxie/core/text.hpp>
#include <moxie/core/utf8.hpp>

#include "text/tokenizer/subject.hpp"
#include "text/tokenizer/unicode.hpp"

namespace moxie::inline abi1::text {
namespace {

// A Hangul syllable becomes three times as long in NFD, and nothing in use adds more; single characters do (11 times in
// NFKD, U+FDFA), for which there is room in any text of a usual size.
constexpr std::uint64_t most_bytes(std::size_t in) noexcept {
  return std::min<std::uint64_t>(16 * static_cast<std::uint64_t>(in) + 4096,
                                 3 * static_cast<std::uint64_t>(in) + (10U << 20));
}

// Beyond that, a buffer that is no longer needed is given back at once.
constexpr std::size_t kKeptBytes = 1U << 20;

std::size_t count(std::string_view text, std::string_view wanted) noexcept {
  if (wanted.size() == 1) return static_cast<std::size_t>(std::count(text.begin(), text.end(), wanted[0]));
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(wanted, at)) != std::string_view::npos; at += wanted.size()) ++n;
  return n;
}

class Run {
 public:
  Run(const MarkedView& in, bool raw, std::uint64_t most, Matcher& matcher, MarkedText& out) noexcept
      : in_(in), raw_(raw), most_(most), matcher_(matcher), out_(out) {}

  Result<bool> operator()(const UnicodeForm& form) const {
    return rewrite(in_, form.room(in_.text.size()), most_, out_, [&](Rewriter& out) { return form.apply(in_, out); });
  }

  Result<bool> operator()(const Prepend& step) const {
    if (in_.text.empty() || step.text.empty()) return false;
    return rewrite(in_, in_.text.size() + step.text.size(), most_, out_, [&](Rewriter& out) -> Result<bool> {
      // Marked as the text is that it becomes part of.
      out.append(step.text, in_.marked(0, 1));
      out.copy(0, in_.text.size());
      return true;
    });
  }

  Result<bool> operator()(const Replace& step) const {
    std::size_t room = in_.text.size() + 64;
    if (step.pattern.is_literal() && !step.pattern.text().empty() && step.content.size() > step.pattern.text().size()) {
      const std::uint64_t added = step.content.size() - step.pattern.text().size();
      const std::uint64_t size = in_.text.size() + added * count(in_.text, step.pattern.text());
      if (size > most_) return Status(Code::kFormat, "normalizer", Text("at most ", most_, " bytes"), Text(size));
      room = static_cast<std::size_t>(size);
    }
    Subject subject;
    const Aligned text = step.pattern.is_literal() || !raw_ ? Aligned{in_.text} : subject.of(in_.text);
    return rewrite(in_, room, most_, out_, [&](Rewriter& out) { return replace(step, text, out); });
  }

  Result<bool> operator()(const Strip& step) const {
    const std::string_view text = in_.text;
    std::size_t begin = 0;
    std::size_t end = text.size();
    while (step.left && begin < end) {
      const utf8::Character c = utf8::decode_at(text, begin);
      if (!is_space(c.code)) break;
      begin += c.size;
    }
    while (step.right && end > begin) {
      const utf8::Character c = utf8::character_before(text, end);
      if (!is_space(c.code)) break;
      end -= c.size;
    }
    if (begin == 0 && end == text.size()) return false;
    return rewrite(in_, end - begin, most_, out_, [&](Rewriter& out) -> Result<bool> {
      out.copy(begin, end);
      return true;
    });
  }

  Result<bool> operator()(const Lowercase&) const {
    return rewrite(in_, in_.text.size() + 64, most_, out_, [&](Rewriter& out) -> Result<bool> {
      std::size_t copied = 0;
      std::string bytes;
      for (std::size_t at = 0; at < in_.text.size();) {
        const utf8::Character c = utf8::decode_at(in_.text, at);
        const char32_t low = c.code == 0x130 ? U'i' : lower(c.code);
        if (low != c.code) {
          bytes.clear();
          utf8::append(bytes, low);
          if (c.code == 0x130) utf8::append(bytes, 0x307);  // the one whose lower case is two characters
          out.copy(copied, at);
          out.append(bytes, in_.marked(at, at + c.size));
          copied = at + c.size;
        }
        at += c.size;
      }
      if (copied == 0) return false;
      out.copy(copied, in_.text.size());
      return true;
    });
  }

 private:
  Result<bool> replace(const Replace& step, const Aligned& text, Rewriter& out) const {
    Aligned::Cursor cursor(text);
    bool changed = false;
    std::size_t copied = 0;
    for (std::size_t from = 0; from <= text.subject.size();) {
      Match match;
      MOXIE_TRY(step.pattern.find(text.subject, from, matcher_, match));
      if (!match.found) break;
      changed = true;
      const std::size_t begin = cursor.bytes_at(match.begin);
      const std::size_t end = cursor.bytes_at(match.end);
      out.copy(copied, begin);
      out.append(step.content, in_.marked(begin, end));
      copied = end;
      if (out.size() > most_) return Status(Code::kFormat, "normalizer", Text("at most ", most_, " bytes"), "more");
      // Behind an empty match the next one begins a character later.
      from = match.end > match.begin           ? match.end
             : match.end < text.subject.size() ? match.end + utf8::character_size(text.subject[match.end])
                                               : match.end + 1;
    }
    if (changed) out.copy(copied, in_.text.size());
    return changed;
  }

  const MarkedView& in_;
  bool raw_;
  std::uint64_t most_;
  Matcher& matcher_;
  MarkedText& out_;
};

}  // namespace

Result<MarkedView> Normalizer::apply(const MarkedView& in, bool raw, Matcher& matcher, Buffers& buffers) const {
  const std::uint64_t most = most_bytes(in.text.size());
  MarkedView now = in;
  std::size_t next = 0;
  for (const Step& step : steps_) {
    MarkedText& out = buffers.texts[next];
    MOXIE_TRY_LET(const bool changed, std::visit(Run(now, raw, most, matcher, out), step));
    if (!changed) continue;
    now = out.view();
    next = 1 - next;
    if (buffers.texts[next].capacity() > kKeptBytes) buffers.texts[next].release();
  }
  return now;
}

}  // namespace moxie::text
