// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/tool/any_tool.hpp>

namespace moxie::inline abi1 {

/// How a call ended.
enum class ToolVerdict : std::uint8_t {
  kRunning,       ///< in a record: not yet
  kAnswered,      ///< the only good end
  kUnknownTool,   ///< the toolbox has none of that name
  kNotGranted,    ///< it has, but the host did not allow it
  kBadArguments,  ///< not JSON, too much of it, or not what the schema says
  kNotRun,        ///< cancelled, without time, or without room for its record
  kFailed,        ///< the tool answered an error or threw
  kBadAnswer,     ///< the tool answered more than allowed, or what is no UTF-8
  kLate,          ///< the tool answered after its time, or after a stop
};

[[nodiscard]] constexpr std::string_view name(ToolVerdict verdict) noexcept {
  switch (verdict) {
    case ToolVerdict::kRunning: return "running";
    case ToolVerdict::kAnswered: return "answered";
    case ToolVerdict::kUnknownTool: return "unknown tool";
    case ToolVerdict::kNotGranted: return "not granted";
    case ToolVerdict::kBadArguments: return "bad arguments";
    case ToolVerdict::kNotRun: return "not run";
    case ToolVerdict::kFailed: return "failed";
    case ToolVerdict::kBadAnswer: return "bad answer";
    case ToolVerdict::kLate: return "late";
  }
  return "unknown";
}

/// What one call may cost.
struct ToolLimits {
  std::size_t max_argument_bytes = 64U * 1024;
  std::size_t max_argument_depth = 16;
  std::size_t max_argument_values = 4096;  ///< values and keys together
  std::size_t max_answer_bytes = 64U * 1024;
  std::chrono::nanoseconds time = std::chrono::seconds(10);
  std::stop_token stop{};
};

/// What a call gave. `text` goes back to the model, whatever happened: the answer, or {"error":"..."}.
struct ToolOutcome {
  ToolVerdict verdict = ToolVerdict::kNotRun;
  Status status{};     ///< ok if, and only if, the verdict is kAnswered
  std::string text{};  ///< UTF-8; data, of which no byte may become a control token; empty where memory ran out
};

/// What happened, for the host. Calls are numbered as they began.
struct ToolRecord {
  std::uint64_t number = 0;
  std::string name{};       ///< as asked for; the first 256 bytes
  std::string arguments{};  ///< exact bytes, up to max_argument_bytes of them
  std::uint64_t argument_bytes = 0;
  ToolVerdict verdict = ToolVerdict::kRunning;
  Status status{};
  std::string answer{};  ///< exact bytes of the tool's own answer, up to max_answer_bytes, also where it was refused
  std::uint64_t answer_bytes = 0;
  std::chrono::nanoseconds duration{};
};

struct ToolboxOptions {
  std::size_t max_record_bytes = 16U << 20U;  ///< of all records together
};

/// The tools that a host offers, and the record of what was done with them.
///
///     moxie::Toolbox toolbox;
///     MOXIE_TRY(toolbox.add(weather));
///     MOXIE_TRY(toolbox.grant("weather"));
///     const moxie::ToolOutcome outcome = toolbox.call("weather", R"({"city":"Oslo"})");
///
/// Nothing may be called that was not granted. A call is recorded before it begins; a record is never dropped, so that
/// calls are refused (kNotRun, kBudget) once there is no room for the next one, until the host takes the records.
///
/// A tool cannot be ended from outside. One that takes a ToolControl learns its deadline and a stop; whatever a tool
/// answers after them is refused and stays in the record alone.
///
/// Errors   add: kInvalidArgument for a second tool of that name; kNoMemory.  grant, revoke: kNotFound.
///          records, take_records, schemas: kNoMemory, and nothing is lost.
/// Threads  every member may be called from any thread at once, by tools too; calls run at once on their callers'
/// threads.
///          revoke does not end a call that has begun.
class MOXIE_API Toolbox {
 public:
  explicit Toolbox(const ToolboxOptions& options = {}) noexcept : options_(options) {}
  Toolbox(const Toolbox&) = delete;
  Toolbox& operator=(const Toolbox&) = delete;
  ~Toolbox();

  /// An AnyTool, or what makes one: toolbox.add(moxie::tools::calculate()). An error that comes in goes out.
  Status add(Result<AnyTool> tool) noexcept;
  template <class F>
  MOXIE_OPTION_TAG Status add(Tool<F> tool) noexcept {
    return add(AnyTool::create(std::move(tool)));
  }

  Status grant(std::string_view name) noexcept;
  Status revoke(std::string_view name) noexcept;
  [[nodiscard]] bool granted(std::string_view name) const noexcept;

  /// The names of all tools, in the order in which they were added.
  [[nodiscard]] Result<std::vector<std::string>> names() const noexcept;
  /// The granted tools as a JSON array in OpenAI's `tools` form, for chat templates; "[]" where there is none.
  [[nodiscard]] Result<std::string> schemas() const noexcept;

  /// Checks everything, then runs the tool. `arguments` is a JSON object; an empty text counts as an empty one.
  [[nodiscard]] ToolOutcome call(std::string_view name, std::string_view arguments,
                                 const ToolLimits& limits = {}) noexcept;

  /// Every record since the last take, in the order in which the calls began.
  [[nodiscard]] Result<std::vector<ToolRecord>> records() const noexcept;
  /// The same, and makes room: those of calls that still run stay.
  [[nodiscard]] Result<std::vector<ToolRecord>> take_records() noexcept;

 private:
  struct Entry {
    AnyTool tool;
    bool granted = false;
  };
  struct Slot {
    ToolRecord record;
    std::size_t charged = 0;
  };

  [[nodiscard]] const Entry* find(std::string_view name) const noexcept;
  [[nodiscard]] Status no_such_tool(std::string_view where, std::string_view name, bool granted_only) const;
  Status open_record(std::string_view name, std::string_view arguments, const ToolLimits& limits,
                     std::uint64_t& number) noexcept;
  void close_record(std::uint64_t number, ToolVerdict verdict, const Status& status, std::string answer,
                    std::uint64_t answer_bytes, std::chrono::nanoseconds duration) noexcept;

  ToolboxOptions options_;
  mutable std::mutex mutex_;
  std::vector<Entry> tools_;
  std::vector<Slot> records_;
  std::size_t record_bytes_ = 0;
  std::uint64_t next_number_ = 0;
};

}  // namespace moxie
