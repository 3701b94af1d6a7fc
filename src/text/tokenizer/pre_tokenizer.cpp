// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/pre_tokenizer.hpp"

#include <algorithm>

#include <moxie/core/utf8.hpp>

#include "text/tokenizer/byte_alphabet.hpp"
#include "text/tokenizer/cutter.hpp"
#include "text/tokenizer/unicode.hpp"

namespace moxie::inline abi1::text {
namespace {

// Beyond that, what is made of a piece gets as much room as it needs and no more.
constexpr std::size_t kLongPiece = 4096;

}  // namespace

/// Whether one character alone is one piece to that step, whatever the character.
bool keeps_single(const PreTokenizer::Step& step) noexcept {
  if (const auto* split = std::get_if<SplitStep>(&step)) return split->behavior != Behavior::kRemoved;
  const auto* classes = std::get_if<ClassStep>(&step);
  return classes != nullptr && classes->kind != ClassStep::Kind::kWhitespace && classes->behavior != Behavior::kRemoved;
}

// One run over one text. Steps call each other, at most as deep as there are steps.
class PreTokenizer::Runner {
 public:
  Runner(const PreTokenizer& owner, bool raw, Matcher& matcher, Buffers& buffers, PieceSink& sink) noexcept
      : steps_(owner.steps_),
        for_single_(owner.for_single_),
        raw_(raw),
        matcher_(matcher),
        buffers_(buffers),
        sink_(sink) {}

  Status run(std::size_t step, const Aligned& text, bool at_start) {
    if (text.bytes.empty()) return {};
    // A text of line ends is a million single characters, and most have four or five steps before them.
    if (step < steps_.size() && is_single(text)) step = for_single_[step];
    if (step == steps_.size()) return sink_.piece(text.bytes);
    return std::visit([&](const auto& kind) { return apply(kind, step, text, at_start); }, steps_[step]);
  }

 private:
  // Gives the pieces of a text, [begin, end) of its subject, to the next step. They come in order. `maps`: that step
  // sees the byte alphabet.
  class Next {
   public:
    Next(Runner& runner, std::size_t step, const Aligned& text, bool at_start, bool maps = false) noexcept
        : runner_(runner), step_(step), text_(text), at_start_(at_start), maps_(maps), cursor_(text) {}

    Status operator()(std::size_t begin, std::size_t end) {
      Aligned piece(text_.subject.substr(begin, end - begin));
      if (text_.kind != Aligned::Kind::kSame) {
        const std::size_t first = cursor_.bytes_at(begin);
        piece = {text_.bytes.substr(first, cursor_.bytes_at(end) - first), piece.subject, text_.kind};
      }
      if (maps_) piece = runner_.mapped(piece.bytes, step_);
      return runner_.run(step_ + 1, piece, at_start_ && begin == 0);
    }

   private:
    Runner& runner_;
    std::size_t step_;
    const Aligned& text_;
    bool at_start_;
    bool maps_;
    Aligned::Cursor cursor_;
  };

  // One character; of bytes that may be no UTF-8, one byte.
  [[nodiscard]] bool is_single(const Aligned& text) const noexcept {
    return text.bytes.size() == 1 || (!raw_ && utf8::character_size(text.subject[0]) >= text.subject.size());
  }

  // A text that patterns may be tried on.
  Aligned matchable(const Aligned& text, std::size_t step) {
    return raw_ && text.kind == Aligned::Kind::kSame ? buffers_[step].subject.of(text.bytes) : text;
  }

  Aligned mapped(std::string_view bytes, std::size_t step) {
    LargeString& alphabet = buffers_[step].alphabet;
    alphabet.clear();
    if (bytes.size() > kLongPiece) {
      std::size_t size = bytes.size();
      for (const char byte : bytes) size += kByteAlphabet.characters[static_cast<unsigned char>(byte)] < 0x80 ? 0U : 1U;
      alphabet.reserve(size);
    }
    for (const char byte : bytes) utf8::append(alphabet, kByteAlphabet.characters[static_cast<unsigned char>(byte)]);
    return {bytes, alphabet, Aligned::Kind::kBytes};
  }

  Status apply(const SplitStep& split, std::size_t step, const Aligned& in, bool at_start) {
    const Aligned aligned = matchable(in, step);
    const std::string_view text = aligned.subject;
    Next emit(*this, step, aligned, at_start);
    Cutter cutter(split.behavior, split.invert, emit);
    std::size_t done = 0;
    for (std::size_t from = 0; from < text.size();) {
      Match match;
      MOXIE_TRY(split.pattern.find(text, from, matcher_, match));
      if (!match.found) break;
      if (match.begin == match.end) {
        // An empty match cuts without being a piece.
        from = match.end < text.size() ? match.end + utf8::character_size(text[match.end]) : text.size();
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

  Status apply(const ByteLevelStep& level, std::size_t step, const Aligned& in, bool at_start) {
    Aligned text = in;
    if (level.add_prefix_space && !text.bytes.starts_with(' ')) {
      LargeString& buffer = buffers_[step].bytes;
      buffer.clear();
      buffer.reserve(text.bytes.size() + 1);
      buffer.append(1, ' ').append(text.bytes);
      text = Aligned(buffer);
    }
    // Where this is the last step the model takes the bytes as they are; steps behind it see the alphabet.
    const bool maps = step + 1 < steps_.size();
    if (level.pattern.empty()) return run(step + 1, maps ? mapped(text.bytes, step) : text, at_start);
    const Aligned aligned = matchable(text, step);
    Next emit(*this, step, aligned, at_start, maps);
    std::size_t done = 0;
    while (done < aligned.subject.size()) {
      Match match;
      MOXIE_TRY(level.pattern[0].find(aligned.subject, done, matcher_, match));
      const std::size_t begin = match.found ? match.begin : aligned.subject.size();
      if (begin > done) MOXIE_TRY(emit(done, begin));
      if (!match.found) break;
      MOXIE_TRY(emit(match.begin, match.end));
      done = match.end;
    }
    return {};
  }

  Status apply(const MetaspaceStep& meta, std::size_t step, const Aligned& in, bool at_start) {
    const std::string_view text = in.bytes;
    const std::string& mark = meta.replacement;
    LargeString& buffer = buffers_[step].bytes;
    buffer.clear();
    const bool wanted = (meta.prepend == MetaspaceStep::Prepend::kAlways ||
                         (meta.prepend == MetaspaceStep::Prepend::kFirst && at_start)) &&
                        !text.starts_with(' ') && !text.starts_with(mark);
    if (meta.split) return marked_words(text, mark, wanted, step, at_start);
    if (text.size() > kLongPiece) {
      const auto spaces = static_cast<std::size_t>(std::count(text.begin(), text.end(), ' '));
      buffer.reserve(text.size() + mark.size() + spaces * (mark.size() - 1));
    }
    if (wanted) buffer.append(mark);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t space = std::min(text.find(' ', at), text.size());
      buffer.append(text.substr(at, space - at));
      if (space < text.size()) buffer += mark;
      at = space + 1;
    }
    return run(step + 1, Aligned(buffer), at_start);
  }

  // A word begins at each space, which becomes a mark, and at each mark.
  Status marked_words(std::string_view text, const std::string& mark, bool prepend, std::size_t step, bool at_start) {
    LargeString& buffer = buffers_[step].bytes;
    std::size_t next_mark = std::min(text.find(mark), text.size());
    for (std::size_t at = 0; at < text.size();) {
      const bool at_mark = text.substr(at).starts_with(mark);
      const std::size_t inside = at + (at_mark ? mark.size() : text[at] == ' ' ? 1 : 0);
      if (next_mark < inside) next_mark = std::min(text.find(mark, inside), text.size());
      const std::size_t end = std::min(text.substr(0, next_mark).find(' ', inside), next_mark);
      std::string_view word = text.substr(at, end - at);
      if (!at_mark && (inside > at || (prepend && at == 0))) {
        buffer.clear();
        if (end - inside > kLongPiece) buffer.reserve(mark.size() + end - inside);
        buffer.append(mark).append(text.substr(inside, end - inside));
        word = buffer;
      }
      MOXIE_TRY(run(step + 1, Aligned(word), at_start && at == 0));
      at = end;
    }
    return {};
  }

  Status apply(const ClassStep& classes, std::size_t step, const Aligned& in, bool at_start) {
    const std::string_view text = in.subject;
    Next emit(*this, step, in, at_start);
    if (classes.kind == ClassStep::Kind::kWhitespace) return words(text, emit);
    Cutter cutter(classes.behavior, false, emit);
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.size();) {
      const utf8::Character c = utf8::decode_at(text, at);
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
      const utf8::Character c = utf8::decode_at(text, at);
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

  const std::vector<Step>& steps_;
  const std::vector<std::size_t>& for_single_;
  bool raw_;
  Matcher& matcher_;
  Buffers& buffers_;
  PieceSink& sink_;
};

void PreTokenizer::add(Step step) {
  steps_.push_back(std::move(step));
  for_single_.assign(steps_.size(), steps_.size());
  for (std::size_t i = steps_.size(); i-- > 0;) {
    if (!keeps_single(steps_[i]))
      for_single_[i] = i;
    else if (i + 1 < steps_.size())
      for_single_[i] = for_single_[i + 1];
  }
}

bool PreTokenizer::byte_level() const noexcept {
  return std::any_of(steps_.begin(), steps_.end(),
                     [](const Step& step) { return std::holds_alternative<ByteLevelStep>(step); });
}

Status PreTokenizer::run(std::string_view text, bool at_start, bool raw, Matcher& matcher, Buffers& buffers,
                         PieceSink& sink) const {
  // One for each step, so that no step's text is overwritten while its pieces are in use.
  buffers.resize(steps_.size());
  return Runner(*this, raw, matcher, buffers, sink).run(0, Aligned(text), at_start);
}

}  // namespace moxie::text
