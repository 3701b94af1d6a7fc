// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/pre_tokenizer.hpp"

#include <algorithm>

#include "text/tokenizer/byte_alphabet.hpp"
#include "text/tokenizer/cutter.hpp"
#include "text/tokenizer/unicode.hpp"
#include "text/tokenizer/utf8.hpp"

namespace moxie::text {

// One run over one text. Steps call each other, at most as deep as there are steps.
class PreTokenizer::Runner {
 public:
  Runner(const std::vector<Step>& steps, bool escapes, Matcher& matcher, Buffers& buffers, PieceSink& sink) noexcept
      : steps_(steps), escapes_(escapes), matcher_(matcher), buffers_(buffers), sink_(sink) {}

  Status run(std::size_t step, std::string_view text, bool at_start) {
    if (text.empty()) return {};
    if (step == steps_.size()) return deliver(text);
    return std::visit([&](const auto& kind) { return apply(kind, step, text, at_start); }, steps_[step]);
  }

 private:
  // Each piece goes to the next step.
  auto next(std::size_t step, std::string_view text, bool at_start) {
    return [this, step, text, at_start](std::size_t begin, std::size_t end) {
      return run(step + 1, text.substr(begin, end - begin), at_start && begin == 0);
    };
  }

  Status cut(const Pattern& pattern, Behavior behavior, bool invert, std::size_t step, std::string_view text,
             bool at_start) {
    // One character alone is one piece whether it matches or not, and so for every step to come: a text of line ends
    // is a million of them.
    if (behavior != Behavior::kRemoved && character_size(text[0]) >= text.size()) return run(step + 1, text, at_start);
    auto emit = next(step, text, at_start);
    Cutter cutter(behavior, invert, emit);
    std::size_t done = 0;
    for (std::size_t from = 0; from < text.size();) {
      Match match;
      MOXIE_TRY(pattern.find(text, from, matcher_, match));
      if (!match.found) break;
      if (match.begin == match.end) {
        // An empty match cuts without being a piece.
        from = match.end < text.size() ? match.end + character_size(text[match.end]) : text.size();
        if (match.begin == done) continue;
        MOXIE_TRY(cutter.stretch(done, match.begin, false));
        done = match.begin;
        continue;
      }
      MOXIE_TRY(cutter.stretch(done, match.begin, false));
      MOXIE_TRY(cutter.stretch(match.begin, match.end, true));
      done = from = match.end;
    }
    MOXIE_TRY(cutter.stretch(done, text.size(), false));
    return cutter.finish();
  }

  Status apply(const SplitStep& split, std::size_t step, std::string_view text, bool at_start) {
    return cut(split.pattern, split.behavior, split.invert, step, text, at_start);
  }

  Status apply(const ByteLevelStep& level, std::size_t step, std::string_view text, bool at_start) {
    if (level.add_prefix_space && !text.starts_with(' ')) {
      std::string& buffer = buffers_[2 * step];
      buffer.assign(1, ' ');
      buffer.append(text);
      text = buffer;
    }
    // Where this is the last step the model takes the bytes as they are; steps behind it see the alphabet.
    const bool last = step + 1 == steps_.size();
    const auto emit = [&](std::size_t begin, std::size_t end) {
      const std::string_view piece = text.substr(begin, end - begin);
      if (last) return sink_bytes(piece);
      std::string& mapped = buffers_[2 * step + 1];
      mapped.clear();
      unescaped(piece,
                [&](char byte) { append_utf8(mapped, kByteAlphabet.characters[static_cast<unsigned char>(byte)]); });
      return run(step + 1, mapped, at_start && begin == 0);
    };
    if (level.pattern.empty()) return emit(0, text.size());
    std::size_t done = 0;
    while (done < text.size()) {
      Match match;
      MOXIE_TRY(level.pattern[0].find(text, done, matcher_, match));
      const std::size_t begin = match.found ? match.begin : text.size();
      if (begin > done) MOXIE_TRY(emit(done, begin));
      if (!match.found) break;
      MOXIE_TRY(emit(match.begin, match.end));
      done = match.end;
    }
    return {};
  }

  Status apply(const MetaspaceStep& meta, std::size_t step, std::string_view text, bool at_start) {
    const std::string& mark = meta.replacement;
    std::string& buffer = buffers_[2 * step];
    buffer.clear();
    const bool wanted =
        meta.prepend == MetaspaceStep::Prepend::kAlways || (meta.prepend == MetaspaceStep::Prepend::kFirst && at_start);
    if (wanted && !text.starts_with(' ') && !text.starts_with(mark)) buffer = mark;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t space = std::min(text.find(' ', at), text.size());
      buffer.append(text.substr(at, space - at));
      if (space < text.size()) buffer += mark;
      at = space + 1;
    }
    const std::string_view marked = buffer;
    if (!meta.split) return run(step + 1, marked, at_start);
    auto emit = next(step, marked, at_start);
    Cutter cutter(Behavior::kMergedWithNext, false, emit);
    for (std::size_t at = 0; at < marked.size();) {
      const std::size_t found = std::min(marked.find(mark, at), marked.size());
      MOXIE_TRY(cutter.stretch(at, found, false));
      at = std::min(found + mark.size(), marked.size());
      MOXIE_TRY(cutter.stretch(found, at, true));
    }
    return cutter.finish();
  }

  Status apply(const ClassStep& classes, std::size_t step, std::string_view text, bool at_start) {
    auto emit = next(step, text, at_start);
    if (classes.kind == ClassStep::Kind::kWhitespace) return words(text, emit);
    Cutter cutter(classes.behavior, false, emit);
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.size();) {
      const Character c = decode_at(text, at);
      const bool hit = classes.kind == ClassStep::Kind::kDigits        ? is_number(c.code)
                       : classes.kind == ClassStep::Kind::kPunctuation ? is_punctuation(c.code)
                                                                       : is_space(c.code);
      if (hit) {
        MOXIE_TRY(cutter.stretch(done, at, false));
        MOXIE_TRY(cutter.stretch(at, at + c.size, true));
        done = at + c.size;
      }
      at += c.size;
    }
    MOXIE_TRY(cutter.stretch(done, text.size(), false));
    return cutter.finish();
  }

  // Runs of word characters, and runs of all others but space.
  template <class Emit>
  Status words(std::string_view text, Emit& emit) {
    enum class Kind : std::uint8_t { kSpace, kWord, kOther };
    std::size_t begin = 0;
    Kind kind = Kind::kSpace;
    for (std::size_t at = 0; at < text.size();) {
      const Character c = decode_at(text, at);
      const Kind now = is_word(c.code) ? Kind::kWord : is_space(c.code) ? Kind::kSpace : Kind::kOther;
      if (now != kind) {
        if (kind != Kind::kSpace) MOXIE_TRY(emit(begin, at));
        begin = at;
        kind = now;
      }
      at += c.size;
    }
    return kind == Kind::kSpace ? Status() : emit(begin, text.size());
  }

  // A finished piece. Behind a byte-level step that was not the last, it is written in the alphabet.
  Status deliver(std::string_view text) {
    const bool mapped = std::any_of(steps_.begin(), steps_.end(),
                                    [](const Step& step) { return std::holds_alternative<ByteLevelStep>(step); });
    if (!mapped) return sink_.piece(text);
    std::string& bytes = buffers_.back();
    bytes.clear();
    for (std::size_t at = 0; at < text.size();) {
      const Character c = decode_at(text, at);
      if (const auto byte = kByteAlphabet.byte_of(c.code)) bytes.push_back(*byte);
      at += c.size;
    }
    return sink_.piece(bytes);
  }

  // A piece of text as the bytes that it stands for.
  Status sink_bytes(std::string_view text) {
    // Escaped bytes lie in plane 16, whose first byte is 0xf4.
    if (text.find('\xf4') == std::string_view::npos || !escapes_) return sink_.piece(text);
    std::string& bytes = buffers_.back();
    bytes.clear();
    unescaped(text, [&](char byte) { bytes.push_back(byte); });
    return sink_.piece(bytes);
  }

  template <class Put>
  void unescaped(std::string_view text, const Put& put) const {
    for (std::size_t at = 0; at < text.size();) {
      const Character c = decode_at(text, at);
      if (escapes_ && is_escaped_byte(c.code)) {
        put(static_cast<char>(c.code - kEscapedByte));
      } else {
        for (std::size_t i = 0; i < c.size; ++i) put(text[at + i]);
      }
      at += c.size;
    }
  }

  const std::vector<Step>& steps_;
  bool escapes_;
  Matcher& matcher_;
  Buffers& buffers_;
  PieceSink& sink_;
};

bool PreTokenizer::byte_level() const noexcept {
  return std::any_of(steps_.begin(), steps_.end(),
                     [](const Step& step) { return std::holds_alternative<ByteLevelStep>(step); });
}

Status PreTokenizer::run(std::string_view text, bool at_start, bool escapes, Matcher& matcher, Buffers& buffers,
                         PieceSink& sink) const {
  // Two for each step and one for the model's bytes, so that no step's text is overwritten while its pieces are in use.
  buffers.resize(2 * steps_.size() + 1);
  return Runner(steps_, escapes, matcher, buffers, sink).run(0, text, at_start);
}

}  // namespace moxie::text
