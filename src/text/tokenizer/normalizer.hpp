// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>
#include <vector>

#include <moxie/core/result.hpp>

#include "text/tokenizer/marked_text.hpp"
#include "text/tokenizer/pattern.hpp"
#include "text/tokenizer/unicode_form.hpp"

namespace moxie::inline abi1::text {

/// Puts `text` before every text that is not empty.
struct Prepend {
  std::string text;
};
/// Each match of the pattern becomes `content`.
struct Replace {
  Pattern pattern;
  std::string content;
};
/// Takes white space away at the ends.
struct Strip {
  bool left = true;
  bool right = true;
};
struct Lowercase {};

/// What is done to text before it is cut: steps in order.
///
/// Errors   kFormat: the steps make far more of the text than any honest ones.  Those of Pattern.
/// Threads  immutable; each thread brings its Matcher and its two buffers.
class Normalizer {
 public:
  using Step = std::variant<UnicodeForm, Prepend, Replace, Strip, Lowercase>;

  struct Buffers {
    MarkedText texts[2];
  };

  void add(Step step) { steps_.push_back(std::move(step)); }
  [[nodiscard]] bool empty() const noexcept { return steps_.empty(); }

  /// The normal form of `in`: `in` itself, or a view of one of the buffers. `raw`: some bytes may be no UTF-8; they
  /// stay as they are.
  Result<MarkedView> apply(const MarkedView& in, bool raw, Matcher& matcher, Buffers& buffers) const;

 private:
  std::vector<Step> steps_;
};

}  // namespace moxie::text
