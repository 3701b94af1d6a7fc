// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <moxie/core/result.hpp>

#include "core/huge_pages.hpp"
#include "text/tokenizer/pattern.hpp"
#include "text/tokenizer/subject.hpp"

namespace moxie::inline abi1::text {

/// What becomes of the places that a cutter finds, between the pieces around them.
enum class Behavior : std::uint8_t { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext, kContiguous };

/// Cuts at the matches of a pattern, or with `invert` at what lies between them.
struct SplitStep {
  Pattern pattern;
  Behavior behavior = Behavior::kIsolated;
  bool invert = false;
};
/// Turns text into bytes, which byte-level BPE is made of; may put a space before and cut as GPT-2 does.
struct ByteLevelStep {
  bool add_prefix_space = false;
  std::vector<Pattern> pattern;  ///< GPT-2's, or none
};
/// Space becomes a visible character, a piece begins at each of them.
struct MetaspaceStep {
  enum class Prepend : std::uint8_t { kAlways, kFirst, kNever };

  std::string replacement;
  Prepend prepend = Prepend::kAlways;
  bool split = true;
};
/// Cuts where a character has a property.
struct ClassStep {
  enum class Kind : std::uint8_t { kDigits, kPunctuation, kWhitespaceSplit, kWhitespace };

  Kind kind = Kind::kDigits;
  Behavior behavior = Behavior::kIsolated;
};

/// Takes pieces, one after another.
class PieceSink {
 public:
  virtual Status piece(std::string_view text) = 0;

 protected:
  ~PieceSink() = default;
};

/// Cuts text into the pieces that a model encodes one by one: steps in order, each of which cuts the pieces of the
/// one before. Pieces go on to the next step at once, so no list of them is made.
///
/// Errors   those of Pattern and of the sink.
/// Threads  immutable; each thread brings its Matcher and its buffers.
class PreTokenizer {
 public:
  using Step = std::variant<SplitStep, ByteLevelStep, MetaspaceStep, ClassStep>;

  /// What a step makes of a text: other bytes, and what patterns see of them.
  struct Buffer {
    LargeString bytes;
    LargeString alphabet;
    Subject subject;
  };
  using Buffers = std::vector<Buffer>;

  void add(Step step);

  [[nodiscard]] bool byte_level() const noexcept;
  [[nodiscard]] const std::vector<Step>& steps() const noexcept { return steps_; }

  /// `at_start`: the text is where the whole input begins. `raw`: some bytes may be no UTF-8. Pieces are not empty.
  Status run(std::string_view text, bool at_start, bool raw, Matcher& matcher, Buffers& buffers, PieceSink& sink) const;

 private:
  class Runner;

  std::vector<Step> steps_;
  std::vector<std::size_t> for_single_;  ///< the first step from each on that does something to one character alone
};

}  // namespace moxie::text
