// SPDX-License-Identifier: Apache-2.0
#include <array>

#include <moxie/tool/ready.hpp>

namespace moxie::inline abi1::tools {

namespace {

struct Moment {
  std::string utc;
  std::string local;
  std::string weekday;  // of local
  std::int64_t unix_seconds = 0;
};

}  // namespace

}  // namespace moxie::tools

template <>
inline constexpr auto moxie::described<moxie::tools::Moment> = moxie::members(
    moxie::member<"utc">(&moxie::tools::Moment::utc), moxie::member<"local">(&moxie::tools::Moment::local),
    moxie::member<"weekday">(&moxie::tools::Moment::weekday),
    moxie::member<"unix_seconds">(&moxie::tools::Moment::unix_seconds));

namespace moxie::inline abi1::tools {

namespace {

constexpr std::int64_t kMaxOffsetMinutes = 18 * 60;  // as ISO 8601 is used: no zone is farther from UTC

void put_digits(std::string& out, std::uint64_t value, std::size_t digits) {
  const std::size_t end = out.size() + digits;
  out.resize(end, '0');
  for (std::size_t i = end; value != 0 && i-- > end - digits; value /= 10) {
    out[i] = static_cast<char>('0' + value % 10);
  }
}

std::string offset_text(std::int64_t minutes) {
  if (minutes == 0) return "Z";
  std::string text(1, minutes < 0 ? '-' : '+');
  const auto size = static_cast<std::uint64_t>(minutes < 0 ? -minutes : minutes);
  put_digits(text, size / 60, 2);
  text.push_back(':');
  put_digits(text, size % 60, 2);
  return text;
}

// "+02:00", "-0330", "+2", "Z", "UTC".
Result<std::int64_t> offset_minutes(std::string_view text) {
  const Status wrong(Code::kInvalidArgument, "now", "utc_offset as +hh:mm or -hh:mm, up to 18 hours",
                     Text("'", text.substr(0, 40), "'"));
  if (text.empty() || text == "Z" || text == "UTC") return std::int64_t{0};
  if (text[0] != '+' && text[0] != '-') return wrong;
  std::string digits;
  bool colon = false;
  for (const char c : text.substr(1)) {
    if (c == ':' && !colon && (digits.size() == 1 || digits.size() == 2)) {
      colon = true;
      if (digits.size() == 1) digits.insert(0, 1, '0');
    } else if (c >= '0' && c <= '9' && digits.size() < 4) {
      digits.push_back(c);
    } else {
      return wrong;
    }
  }
  if (!colon && digits.size() == 1) digits.insert(0, 1, '0');
  if (!colon && digits.size() == 2) digits += "00";
  if (digits.size() != 4) return wrong;
  const auto digit = [&](std::size_t i) { return std::int64_t{digits[i]} - '0'; };
  const std::int64_t minutes = digit(2) * 10 + digit(3);
  const std::int64_t total = (digit(0) * 10 + digit(1)) * 60 + minutes;
  if (minutes >= 60 || total > kMaxOffsetMinutes) return wrong;
  return text[0] == '-' ? -total : total;
}

Result<std::string> date_and_time(std::chrono::sys_seconds moment, std::int64_t offset) {
  const auto local = moment + std::chrono::minutes(offset);
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(local - day);
  const int year = static_cast<int>(date.year());
  if (year < 0 || year > 9999) return Status(Code::kUnsupported, "now", "a year from 0 to 9999", Text(year));
  std::string text;
  put_digits(text, static_cast<std::uint64_t>(year), 4);
  text.push_back('-');
  put_digits(text, static_cast<unsigned>(date.month()), 2);
  text.push_back('-');
  put_digits(text, static_cast<unsigned>(date.day()), 2);
  text.push_back('T');
  put_digits(text, static_cast<std::uint64_t>(time.hours().count()), 2);
  text.push_back(':');
  put_digits(text, static_cast<std::uint64_t>(time.minutes().count()), 2);
  text.push_back(':');
  put_digits(text, static_cast<std::uint64_t>(time.seconds().count()), 2);
  return text + offset_text(offset);
}

Result<Moment> moment_at(std::chrono::system_clock::time_point now, std::string_view offset) {
  static constexpr std::array<std::string_view, 7> kDays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                         "Thursday", "Friday", "Saturday"};
  MOXIE_TRY_LET(const std::int64_t minutes, offset_minutes(offset));
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  Moment moment;
  MOXIE_TRY_LET(moment.utc, date_and_time(seconds, 0));
  MOXIE_TRY_LET(moment.local, date_and_time(seconds, minutes));
  const auto local_day = std::chrono::floor<std::chrono::days>(seconds + std::chrono::minutes(minutes));
  moment.weekday = kDays[std::chrono::weekday(local_day).c_encoding()];
  moment.unix_seconds = seconds.time_since_epoch().count();
  return moment;
}

}  // namespace

Result<AnyTool> now(NowOptions options) noexcept {
  return AnyTool::create(tool(
      "now", "The current date, time and day of the week, in UTC and at an offset from it.",
      [clock = std::move(options.clock)](
          Arg<"utc_offset", std::optional<std::string>, "Of the local time: +02:00, -05:00; without it, UTC"> offset) {
        return moment_at(clock ? clock() : std::chrono::system_clock::now(), offset->value_or(""));
      }));
}

}  // namespace moxie::tools
