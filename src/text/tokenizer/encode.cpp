// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <moxie/core/text.hpp>

#include "text/tokenizer/parts.hpp"
#include "text/tokenizer/utf8.hpp"

namespace moxie::text {
namespace {

constexpr std::size_t kReserveBytes = 64U << 10;
// Ids that are copied to a place of their size; more of them would be too much to have twice.
constexpr std::size_t kMaxShrunk = 2U << 20;

Status check_spans(std::span<const TextSpan> spans, std::size_t size) {
  std::size_t least = 0;
  for (const TextSpan& span : spans) {
    if (span.begin < least || span.end < span.begin) {
      return Status(Code::kInvalidArgument, "Tokenizer::encode", "untrusted spans in order, none over another",
                    Text("[", span.begin, ", ", span.end, ")"));
    }
    least = std::min(span.end, size);
  }
  return {};
}

// One call of encode().
class Encoding final : private PieceSink {
 public:
  Encoding(const TokenizerParts& parts, std::vector<TokenId>& out) noexcept : parts_(parts), out_(out) {}

  Status run(std::string_view text, std::span<const TextSpan> untrusted) {
    matcher_.allow(Matcher::allowance(text.size()));
    scratch_.cache.start(text.size());
    MarkedView in{.text = text};
    mark(in, untrusted);
    escape(in);
    parts_.raw_matcher.split(in, raw_);
    for (const Segment& segment : raw_) {
      if (segment.id >= 0) {
        out_.push_back(segment.id);
      } else {
        MOXIE_TRY(normalize(in.part(segment.begin, segment.end), segment.begin == 0));
      }
    }
    return {};
  }

 private:
  void mark(MarkedView& in, std::span<const TextSpan> untrusted) {
    if (untrusted.empty()) return;
    marks_.assign(in.text.size(), '\0');
    for (const TextSpan& span : untrusted) {
      const std::size_t begin = std::min(span.begin, marks_.size());
      const std::size_t end = std::min(span.end, marks_.size());
      std::fill(marks_.begin() + static_cast<std::ptrdiff_t>(begin), marks_.begin() + static_cast<std::ptrdiff_t>(end),
                '\1');
    }
    in.marks = marks_.data();
  }

  static std::size_t escaped_size(std::string_view text) noexcept {
    std::size_t size = 0;
    for (std::size_t at = 0; at < text.size();) {
      const Character c = decode_at(text, at);
      size += c.code == kNoCharacter || is_escaped_byte(c.code) ? 4 * c.size : c.size;
      at += c.size;
    }
    return size;
  }

  // Bytes that are no UTF-8 become characters for the way through the steps.
  void escape(MarkedView& in) {
    const std::string_view text = in.text;
    std::size_t at = valid_utf8(text);
    if (at == text.size()) return;
    escapes_ = true;
    escaped_.start(in.marks != nullptr, escaped_size(text));
    std::string bytes;
    std::size_t done = 0;
    // Before the first bad byte too, for characters of the range that escapes take are escaped themselves.
    for (at = 0; at < text.size();) {
      const Character c = decode_at(text, at);
      if (c.code == kNoCharacter || is_escaped_byte(c.code)) {
        bytes.clear();
        for (std::size_t i = 0; i < c.size; ++i) {
          append_utf8(bytes, kEscapedByte + static_cast<unsigned char>(text[at + i]));
        }
        escaped_.copy(in, done, at);
        escaped_.append(bytes, in.marked(at, at + c.size));
        done = at + c.size;
      }
      at += c.size;
    }
    escaped_.copy(in, done, text.size());
    in = escaped_.view();
  }

  Status normalize(const MarkedView& in, bool at_start) {
    MOXIE_TRY_LET(const MarkedView normal, parts_.normalizer.apply(in, matcher_, buffers_));
    if (parts_.normalized_matcher.empty()) return cut(normal, at_start);
    parts_.normalized_matcher.split(normal, normalized_);
    for (const Segment& segment : normalized_) {
      if (segment.id >= 0) {
        out_.push_back(segment.id);
      } else {
        MOXIE_TRY(cut(normal.part(segment.begin, segment.end), at_start && segment.begin == 0));
      }
    }
    return {};
  }

  Status cut(const MarkedView& in, bool at_start) {
    piece_options_ = {.escapes = escapes_, .plain = in.marked(0, in.text.size())};
    return parts_.pre_tokenizer.run(in.text, at_start, escapes_, matcher_, pieces_, *this);
  }

  Status piece(std::string_view text) override { return parts_.model->encode(text, piece_options_, scratch_, out_); }

  const TokenizerParts& parts_;
  std::vector<TokenId>& out_;
  Matcher matcher_;
  ModelScratch scratch_;
  PieceOptions piece_options_;
  bool escapes_ = false;
  std::string marks_;
  MarkedText escaped_;
  std::vector<Segment> raw_;
  std::vector<Segment> normalized_;
  Normalizer::Buffers buffers_;
  PreTokenizer::Buffers pieces_;
};

}  // namespace

Status TokenizerParts::encode(std::string_view text, const EncodeOptions& options, std::vector<TokenId>& out) const {
  MOXIE_TRY(check_spans(options.untrusted, text.size()));
  // Room for the most that there can be, unless a normalizer adds something: a list that grows would at times be there
  // twice, and pages that nobody touches cost nothing.
  const std::size_t around = options.add_special ? prefix.size() + suffix.size() : 0;
  if (text.size() >= kReserveBytes) out.reserve(text.size() + around + 16);
  if (options.add_special) out.insert(out.end(), prefix.begin(), prefix.end());
  MOXIE_TRY(Encoding(*this, out).run(text, options.untrusted));
  if (options.add_special) out.insert(out.end(), suffix.begin(), suffix.end());
  if (out.size() < out.capacity() / 2 && out.size() < kMaxShrunk) out.shrink_to_fit();
  return {};
}

}  // namespace moxie::text
