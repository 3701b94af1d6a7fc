// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/pattern.hpp"

#include <algorithm>
#include <array>
#include <utility>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <moxie/core/text.hpp>

#include "text/tokenizer/pattern_syntax.hpp"
#include "text/tokenizer/published_patterns.hpp"

namespace moxie::inline abi1::text {
namespace {

constexpr std::string_view kWhere = "regular expression";
// Longer than any in use by far; PCRE2 takes time and memory in proportion.
constexpr std::size_t kMaxPatternBytes = 16384;
// Of the interpreter, which runs where no machine code may be made or its stack is too small. In KiB: what it needs
// grows with the text, so this is a bound on what a hostile pattern can take, not on honest ones.
constexpr std::uint32_t kHeapKib = 64 * 1024;

struct FreeCompileContext {
  void operator()(pcre2_compile_context* context) const noexcept { pcre2_compile_context_free(context); }
};

Status no_memory() { return Status(Code::kNoMemory, kWhere, "memory", "a refusal from the system"); }

struct Work {
  std::uint64_t left = 0;
  std::size_t position = 0;
};

// The one place where an unknown pattern's work is counted: bytes passed since the last item, and the item.
int count_work(pcre2_callout_block* block, void* data) noexcept {
  auto& work = *static_cast<Work*>(data);
  const std::size_t position = block->current_position;
  const std::uint64_t steps = 1 + (position > work.position ? position - work.position : work.position - position);
  work.position = position;
  if (steps > work.left) return PCRE2_ERROR_CALLOUT;
  work.left -= steps;
  return 0;
}

}  // namespace

Matcher::~Matcher() {
  pcre2_match_data_free(data_);
  pcre2_match_context_free(context_);
}

Status Matcher::prepare() {
  if (data_ != nullptr) return {};
  if (context_ == nullptr) context_ = pcre2_match_context_create(nullptr);
  if (context_ == nullptr) return no_memory();
  pcre2_set_heap_limit(context_, kHeapKib);
  pcre2_set_match_limit(context_, 0xffffffff);  // steps are counted elsewhere
  pcre2_set_depth_limit(context_, 0xffffffff);  // the heap is what depth costs
  data_ = pcre2_match_data_create(1, nullptr);
  return data_ == nullptr ? no_memory() : Status();
}

void Pattern::FreeCode::operator()(pcre2_real_code_8* code) const noexcept { pcre2_code_free(code); }

Result<Pattern> Pattern::regex(std::string_view expression) {
  if (expression.size() > kMaxPatternBytes) {
    return Status(Code::kUnsupported, kWhere, Text("at most ", kMaxPatternBytes, " bytes"), Text(expression.size()));
  }
  if (expression.empty()) return Status(Code::kFormat, kWhere, "one that is not empty", "an empty one");
  MOXIE_TRY_LET(std::string words, to_pcre2(expression));
  // Tried at each place of a run of space that does not end the text, it would take time squared. The run's beginning
  // is the only place where it can match, for the match takes all of the run up to its last line's end.
  if (expression == published::kTrailingSpace) words.insert(0, "(?<![\\x09-\\x0d\\x20\\x{85}\\p{Z}])");

  Pattern pattern;
  pattern.published_ = std::ranges::find(published::kAll, expression) != std::end(published::kAll);
  const std::unique_ptr<pcre2_compile_context, FreeCompileContext> context(pcre2_compile_context_create(nullptr));
  if (context == nullptr) return no_memory();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  const std::uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C |
                                (pattern.published_ ? 0U : PCRE2_AUTO_CALLOUT);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pattern.code_.reset(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(words.data()), words.size(), options, &error, &offset, context.get()));
  if (pattern.code_ == nullptr) {
    if (error == PCRE2_ERROR_HEAP_FAILED || error == PCRE2_ERROR_NOMEMORY) return no_memory();
    std::array<char, 128> reason{};
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(reason.data()), reason.size());
    return Status(Code::kUnsupported, kWhere, "one that PCRE2 takes",
                  Text("'", expression.substr(0, 100), "': ", std::string_view(reason.data())));
  }
  pattern.jit_ = pcre2_jit_compile(pattern.code_.get(), PCRE2_JIT_COMPLETE) == 0;
  MOXIE_TRY(pattern.try_single_characters());
  return pattern;
}

// Where several patterns cut one after another, most of the later ones' texts are single characters.
Status Pattern::try_single_characters() {
  Matcher matcher;
  matcher.allow(Matcher::allowance(0));
  std::bitset<128> matching;
  single_.set();  // nothing is known to fail yet
  for (std::size_t i = 0; i < matching.size(); ++i) {
    const char c = static_cast<char>(i);
    Match match;
    MOXIE_TRY(find({&c, 1}, 0, matcher, match));
    matching[i] = match.found;
  }
  single_ = matching;
  return {};
}

Pattern Pattern::literal(std::string_view text) {
  Pattern pattern;
  pattern.literal_ = text;
  pattern.published_ = true;
  return pattern;
}

Status Pattern::find(std::string_view text, std::size_t from, Matcher& matcher, Match& match) const {
  if (is_literal()) {
    const std::size_t at = literal_.empty() ? std::string_view::npos : text.find(literal_, from);
    match = at == std::string_view::npos ? Match() : Match{at, at + literal_.size(), true};
    return {};
  }
  if (text.size() == 1 && static_cast<unsigned char>(text[0]) < 128 && !single_[static_cast<unsigned char>(text[0])]) {
    match = {};
    return {};
  }
  MOXIE_TRY(matcher.prepare());
  Work work{.left = matcher.steps_left_, .position = from};
  if (!published_) pcre2_set_callout(matcher.context_, count_work, &work);
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  // The text is known to be UTF-8, so machine code can be entered without the checks that pcre2_match() makes.
  int found = jit_ ? pcre2_jit_match(code_.get(), subject, text.size(), from, 0, matcher.data_, matcher.context_)
                   : PCRE2_ERROR_JIT_STACKLIMIT;
  if (found == PCRE2_ERROR_JIT_STACKLIMIT) {
    found = pcre2_match(code_.get(), subject, text.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, matcher.data_,
                        matcher.context_);
  }
  if (!published_) {
    pcre2_set_callout(matcher.context_, nullptr, nullptr);
    matcher.steps_left_ = work.left;
  }
  if (found >= 0) {
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(matcher.data_);
    // \K is refused, so a match cannot end before it begins.
    match = {ends[0], ends[1], true};
    return {};
  }
  match = {};
  switch (found) {
    case PCRE2_ERROR_NOMATCH: return {};
    case PCRE2_ERROR_NOMEMORY: return no_memory();
    case PCRE2_ERROR_CALLOUT:
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
      return Status(Code::kFormat, kWhere, "a pattern that takes time in proportion to its text",
                    Text("one that goes on and on over ", text.size() - from, " bytes"));
    default: return Status(Code::kInternal, kWhere, "a match or none", Text("PCRE2's error ", found));
  }
}

}  // namespace moxie::text
