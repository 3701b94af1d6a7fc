// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <moxie/core/text.hpp>
#include <moxie/core/utf8.hpp>

#include "core/huge_pages.hpp"
#include "text/tokenizer/parts.hpp"
#include "text/tokenizer/token_list.hpp"

namespace moxie::inline abi1::text {
namespace {

/// The spans that have bytes in a text of that size, those that touch made one.
Result<std::vector<TextSpan>> marks_of(std::span<const TextSpan> spans, std::size_t size) {
  std::vector<TextSpan> marks;
  marks.reserve(spans.size());
  std::size_t least = 0;
  for (const TextSpan& span : spans) {
    if (span.begin < least || span.end < span.begin) {
      return Status(Code::kInvalidArgument, "Tokenizer::encode", "untrusted spans in order, none over another",
                    Text("[", span.begin, ", ", span.end, ")"));
    }
    const std::size_t begin = std::min(span.begin, size);
    least = std::min(span.end, size);
    if (begin == least) continue;
    if (!marks.empty() && marks.back().end == begin) {
      marks.back().end = least;
    } else {
      marks.push_back({begin, least});
    }
  }
  return marks;
}

// One call of encode().
class Encoding final : private PieceSink {
 public:
  Encoding(const TokenizerParts& parts, TokenList& out) noexcept : parts_(parts), out_(out) {}

  Status run(const MarkedView& in) {
    matcher_.allow(Matcher::allowance(in.text.size()));
    scratch_.cache.start(in.text.size());
    piece_options_.raw = utf8::valid_size(in.text) != in.text.size();
    AddedMatcher::Scan scan(parts_.raw_matcher, in);
    for (Segment segment; scan.next(segment);) {
      if (segment.id >= 0) {
        out_.push_back(segment.id);
      } else {
        MOXIE_TRY(normalize(in.part(segment.begin, segment.end), segment.begin == 0));
      }
    }
    return {};
  }

 private:
  Status normalize(const MarkedView& in, bool at_start) {
    MOXIE_TRY_LET(const MarkedView normal, parts_.normalizer.apply(in, piece_options_.raw, matcher_, buffers_));
    if (parts_.normalized_matcher.empty()) return cut(normal, at_start);
    AddedMatcher::Scan scan(parts_.normalized_matcher, normal);
    for (Segment segment; scan.next(segment);) {
      if (segment.id >= 0) {
        out_.push_back(segment.id);
      } else {
        MOXIE_TRY(cut(normal.part(segment.begin, segment.end), at_start && segment.begin == 0));
      }
    }
    return {};
  }

  Status cut(const MarkedView& in, bool at_start) {
    piece_options_.plain = in.marked(0, in.text.size());
    return parts_.pre_tokenizer.run(in.text, at_start, piece_options_.raw, matcher_, pieces_, *this);
  }

  Status piece(std::string_view text) override { return parts_.model->encode(text, piece_options_, scratch_, out_); }

  const TokenizerParts& parts_;
  TokenList& out_;
  Matcher matcher_;
  ModelScratch scratch_;
  PieceOptions piece_options_;
  Normalizer::Buffers buffers_;
  PreTokenizer::Buffers pieces_;
};

}  // namespace

Status TokenizerParts::encode(std::string_view text, const EncodeOptions& options, std::vector<TokenId>& out) const {
  MOXIE_TRY_LET(const std::vector<TextSpan> marks, marks_of(options.untrusted, text.size()));
  const MarkedView in{.text = text, .marks = marks};
  const auto put = [&](TokenList& ids) -> Status {
    if (options.add_special) ids.append(prefix);
    MOXIE_TRY(Encoding(*this, ids).run(in));
    if (options.add_special) ids.append(suffix);
    return {};
  };
  const auto make_room = [&out](std::size_t n) {
    out.reserve(n);
    prefer_huge_pages(out.data(), out.capacity() * sizeof(TokenId));
  };
  // A normalizer may make more tokens than there were bytes; in a small text they need not be counted first.
  constexpr std::size_t kSmall = std::size_t{1} << 20;
  const std::size_t expected = text.size() + prefix.size() + suffix.size() + 16;
  TokenList ids(expected, expected + kSmall);
  MOXIE_TRY(put(ids));
  if (ids.complete()) {
    make_room(ids.size());
    ids.copy_to(out);
    return {};
  }
  // More tokens than bytes: a normalizer adds much. They were counted; now there is room for them.
  const std::size_t n = ids.size();
  ids.release();
  make_room(n);
  out.resize(n);
  TokenList all(out);
  return put(all);
}

}  // namespace moxie::text
