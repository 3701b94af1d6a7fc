// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/kernel/generation.hpp>
#include <moxie/model/model.hpp>
#include <moxie/text/decode_stream.hpp>

#include "kernel/stop_strings.hpp"

namespace moxie::inline abi1::kernel {

/// What looked like a call and could not be read.
struct MalformedCall {
  std::size_t after = 0;  ///< so many calls of its round came before it
  std::string text;       ///< as the model wrote it
  Status note;
  const CallForm* form = nullptr;
};

/// The text of an answer while its tokens come: decoded, ended at stop strings, in a chat separated into text,
/// reasoning and calls, and told to the host.
///
/// The host hears of each event by on_event, and may end the generation there, or destroy it. Then this is silent for
/// ever, and what was being done ends with kCancelled.
///
/// Functions let std::bad_alloc through unless they are noexcept.
class AnswerText {
 public:
  Status start(const Model& model, const GenerationOptions& options);
  void begin_round(const AnswerOptions& options);

  /// A token that was chosen.
  Status take(TokenId id);
  /// There will be no more tokens: gives what was held back.
  Status flush();
  [[nodiscard]] bool stopped_by_string() const noexcept { return stopped_by_string_; }
  /// The host hears no more, and what it gave to be called goes, at once or when its call returns.
  void silence() noexcept;

  /// Whether the token is part of the text. A control token is not, unless it is one that AnswerStream looks for; an id
  /// without a token is not either.
  [[nodiscard]] bool shows(TokenId id) const noexcept;

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] const std::string& reasoning() const noexcept { return reasoning_; }
  /// Of the round.
  [[nodiscard]] std::string_view round_text() const noexcept { return std::string_view(text_).substr(round_text_); }
  [[nodiscard]] std::string_view round_reasoning() const noexcept {
    return std::string_view(reasoning_).substr(round_reasoning_);
  }
  [[nodiscard]] const std::vector<ToolCall>& calls() const noexcept { return calls_; }
  [[nodiscard]] std::span<const MalformedCall> malformed_calls() const noexcept { return malformed_; }

  std::string_view take_piece() noexcept;
  [[nodiscard]] bool has_piece() const noexcept { return !ready_.empty(); }

 private:
  Status show(std::string_view text);
  Status emit(AnswerEvent& event);
  Status emit_all();

  std::optional<Tokenizer> tokenizer_;
  std::optional<DecodeStream> decode_;
  StopStrings stops_;
  std::vector<std::string> stop_list_;
  std::optional<AnswerStream> answer_;  // of a chat
  std::vector<AnswerEvent> events_;
  std::string shown_;
  std::string piece_;  // what take_piece() gave
  std::string ready_;

  std::function<bool(const AnswerEvent&)> on_event_;
  bool calling_ = false;  // on_event_ is running
  bool silent_ = false;

  std::string text_;
  std::string reasoning_;
  std::vector<ToolCall> calls_;
  std::vector<MalformedCall> malformed_;
  std::size_t round_text_ = 0;
  std::size_t round_reasoning_ = 0;
  bool stopped_by_string_ = false;
};

}  // namespace moxie
