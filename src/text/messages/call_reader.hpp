// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/text/answer_stream.hpp>

#include "text/messages/json_scan.hpp"
#include "text/messages/literal_scan.hpp"

namespace moxie::inline abi1::text {

/// What may begin and end the calls of some forms.
struct CallMarkers {
  std::vector<std::string_view> begins;  // section_begin and begin
  std::vector<std::string_view> ends;    // section_end and end
  std::vector<std::string_view> in_reasoning;

  explicit CallMarkers(std::span<const CallForm* const> forms);
};

/// One call while it is read: from behind its marker to where it ends or goes wrong. Which of several forms it has is
/// decided by what follows the marker.
///
/// Functions let std::bad_alloc through.
class CallReader {
 public:
  enum class Progress : std::uint8_t {
    kOpen,
    kWhole,      ///< calls() has what it says
    kMalformed,  ///< written() is the call as it came, note() what is wrong, rest() what no longer belongs to it
    kText,       ///< what follows is text, by a name that says so; rest() is its beginning
  };

  /// `marker`: what was read; empty for a bare call. `form`: where it is known. `header`: of a message in a channel.
  void begin(const AnswerOptions& options, const CallMarkers& markers, std::string_view marker, const CallForm* form,
             std::string_view header);
  Progress take(char c);
  /// The answer ends here.
  Progress finish();

  /// Whether what goes wrong is text: until more than words said that it would be a call.
  [[nodiscard]] bool unsure() const noexcept { return unsure_; }
  [[nodiscard]] const CallForm& form() const noexcept { return *form_; }
  std::vector<ToolCall>& calls() noexcept { return calls_; }
  [[nodiscard]] std::string_view written() const noexcept { return written_; }
  [[nodiscard]] std::string& rest() noexcept { return rest_; }
  [[nodiscard]] const Status& note() const noexcept { return note_; }

 private:
  enum class Phase : std::uint8_t { kChoose, kHeader, kJson, kTail, kText, kBroken };

  Progress choose();
  Progress enter(const CallForm& form, std::size_t space);
  Progress take_header(char c);
  Progress take_json(char c);
  Progress take_text();
  Progress take_tail();
  Progress take_broken();
  Progress read(std::string_view header, std::string_view body, std::size_t end);
  Progress break_off(Status note);
  Progress give_up(std::size_t end);
  [[nodiscard]] std::string_view marker_at_end() const noexcept;
  [[nodiscard]] bool tail_lacks_no_more_than_its_end() const noexcept;
  [[nodiscard]] std::string_view json() const noexcept { return std::string_view(body_).substr(json_, tail_ - json_); }
  [[nodiscard]] std::string_view without(std::string_view marker) const noexcept {
    return std::string_view(body_).substr(0, body_.size() - marker.size());
  }
  [[nodiscard]] bool ends(std::string_view marker) const noexcept {
    return !marker.empty() && std::string_view(body_).ends_with(marker);
  }

  const AnswerOptions* options_ = nullptr;
  const CallMarkers* markers_ = nullptr;
  const CallForm* form_ = nullptr;
  Phase phase_ = Phase::kChoose;
  bool in_section_ = false;
  bool too_long_ = false;
  bool unsure_ = false;
  bool quoted_ = false;    // within CallForm::quote_begin and quote_end
  std::size_t space_ = 0;  // so much of the body is in front of what decides
  std::string marker_;     // with what stood between it and the body
  std::string header_;
  std::string body_;           // since the marker
  std::size_t json_ = 0;       // where it begins in the body
  std::size_t tail_ = 0;       // where what follows it begins
  std::size_t swallowed_ = 0;  // behind an end marker that stands in a string; 0: none does
  JsonScan scan_;
  LiteralScan literal_;
  std::vector<ToolCall> calls_;
  std::string written_;
  std::string rest_;
  Status note_;
};

}  // namespace moxie::text
