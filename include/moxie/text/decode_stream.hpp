// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/core/views.hpp>

namespace moxie::inline abi1 {

/// Decodes tokens while they arrive. A piece never ends inside a UTF-8 character that later tokens may complete, and
/// the pieces put together are what Tokenizer::decode() gives for all the tokens.
///
///     MOXIE_TRY_LET(DecodeStream stream, tokenizer.stream());
///     for (TokenId id : ids) { MOXIE_TRY_LET(std::string_view piece, stream.push(id)); show(piece); }
///     MOXIE_TRY_LET(std::string_view rest, stream.finish());
///
/// Errors   kInvalidArgument: an id without a token; the stream stays as it was.  kNoMemory: the stream is spent, and
///          every further call says so.
/// Threads  one at a time. It keeps its tokenizer's tables alive.
class MOXIE_API DecodeStream {
 public:
  DecodeStream(DecodeStream&&) noexcept;
  DecodeStream& operator=(DecodeStream&&) noexcept;
  ~DecodeStream();

  /// What the token adds: often nothing, while a character is incomplete. Good until the next call.
  [[nodiscard]] Result<std::string_view> push(TokenId id) noexcept;
  /// What was held back; an incomplete character comes out as the bytes it has. The stream then begins anew.
  [[nodiscard]] Result<std::string_view> finish() noexcept;

 private:
  friend class Tokenizer;
  struct State;
  explicit DecodeStream(std::unique_ptr<State> state) noexcept;

  std::unique_ptr<State> state_;
};

}  // namespace moxie
