// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <moxie/core/result.hpp>

#include "text/tokenizer/normalizer.hpp"

namespace moxie::inline abi1::text {

/// The bytes of byte-level tokens. The vocabulary keeps them as bytes, so nothing but joining is left to do.
struct ByteLevelDecode {};
/// The visible character for space becomes one; in the first token it is left out where `drop_first` says so.
struct MetaspaceDecode {
  std::string replacement;
  bool drop_first = true;
};
/// <0xNN> becomes the byte.
struct ByteFallbackDecode {};
/// All tokens become one.
struct FuseDecode {};
/// Takes up to so many `content` away at the ends of each token.
struct StripDecode {
  std::string content;  ///< one character
  std::size_t start = 0;
  std::size_t stop = 0;
};
/// In each token, each match becomes `content`.
struct ReplaceDecode {
  Pattern pattern;
  std::string content;
};

/// How the texts of tokens become text: steps, each of which turns tokens into tokens. What comes out of the last is
/// put together; without any step, with a space between two tokens.
///
/// Threads  immutable; a DecodeRun is one thread's.
class Decoder {
 public:
  using Step =
      std::variant<ByteLevelDecode, MetaspaceDecode, ByteFallbackDecode, FuseDecode, StripDecode, ReplaceDecode>;

  void add(Step step) { steps_.push_back(std::move(step)); }
  [[nodiscard]] const std::vector<Step>& steps() const noexcept { return steps_; }

 private:
  std::vector<Step> steps_;
};

/// Decoding under way. Tokens travel through the steps in parts: a token that a step has joined from several goes on
/// as it grows, so text comes out as early as the steps allow, and what comes out is the same however it is asked for.
class DecodeRun {
 public:
  /// The decoder must outlive it.
  explicit DecodeRun(const Decoder& decoder);

  /// Appends to `out` what the token's text adds.
  Status push(std::string_view token, std::string& out);
  /// The end: appends what was held back, and begins anew.
  Status finish(std::string& out);

 private:
  // Part of a token; `begins` and `ends` say whether it is the first and the last of its parts.
  struct Part {
    std::string_view text;
    bool begins = true;
    bool ends = true;
  };
  struct State {
    bool open = false;     // a joined token has begun and not ended
    bool first = true;     // no token has begun yet
    std::size_t left = 0;  // of Strip: how many may still go at the beginning
    std::string held;      // text that waits for what follows
  };

  Status feed(std::size_t step, const Part& part, std::string& out);
  Status end_of_tokens(std::size_t step, std::string& out);

  Status apply(const ByteLevelDecode& kind, std::size_t step, const Part& part, std::string& out);
  Status apply(const MetaspaceDecode& kind, std::size_t step, const Part& part, std::string& out);
  Status apply(const ByteFallbackDecode& kind, std::size_t step, const Part& part, std::string& out);
  Status apply(const FuseDecode& kind, std::size_t step, const Part& part, std::string& out);
  Status apply(const StripDecode& kind, std::size_t step, const Part& part, std::string& out);
  Status apply(const ReplaceDecode& kind, std::size_t step, const Part& part, std::string& out);
  Status joined(std::size_t step, const Part& part, std::string& out);
  Status close(std::size_t step, std::string& out);

  const std::vector<Decoder::Step>& steps_;
  std::vector<State> states_;
  Matcher matcher_;
  bool any_ = false;
};

}  // namespace moxie::text
