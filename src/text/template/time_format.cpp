// SPDX-License-Identifier: Apache-2.0
#include "text/template/time_format.hpp"

#include <array>
#include <ctime>
#include <string>

#include "text/template/format.hpp"

namespace moxie::inline abi1 {

LocalTime LocalTime::system() noexcept {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  if (localtime_r(&now, &parts) == nullptr) return {};
  return {.year = parts.tm_year + 1900,
          .month = parts.tm_mon + 1,
          .day = parts.tm_mday,
          .hour = parts.tm_hour,
          .minute = parts.tm_min,
          .second = parts.tm_sec};
}

namespace text {

namespace {

constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};
constexpr std::array<std::string_view, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};

bool is_leap(int year) noexcept { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int day_of_year(const LocalTime& time) noexcept {
  constexpr int kBefore[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  return kBefore[time.month - 1] + time.day + (time.month > 2 && is_leap(time.year) ? 1 : 0);
}

// 0 is Sunday.
int weekday(const LocalTime& time) noexcept {
  const long before = time.year - 1L;
  return static_cast<int>((before * 365 + before / 4 - before / 100 + before / 400 + day_of_year(time)) % 7);
}

std::string padded(int number, std::size_t width, char fill = '0') {
  std::string digits = std::to_string(number);
  return digits.size() < width ? std::string(width - digits.size(), fill) + digits : digits;
}

std::string convert(char what, const LocalTime& t) {
  const auto two = [](int n) { return padded(n, 2); };
  const int hour12 = t.hour % 12 == 0 ? 12 : t.hour % 12;
  const auto day_name = kDays[static_cast<std::size_t>(weekday(t))];
  const auto month_name = kMonths[static_cast<std::size_t>(t.month - 1)];
  const std::string clock = two(t.hour) + ":" + two(t.minute) + ":" + two(t.second);
  switch (what) {
    case 'Y': return std::to_string(t.year);
    case 'y': return two(t.year % 100);
    case 'C': return two(t.year / 100);
    case 'm': return two(t.month);
    case 'd': return two(t.day);
    case 'e': return padded(t.day, 2, ' ');
    case 'H': return two(t.hour);
    case 'I': return two(hour12);
    case 'k': return padded(t.hour, 2, ' ');
    case 'l': return padded(hour12, 2, ' ');
    case 'M': return two(t.minute);
    case 'S': return two(t.second);
    case 'f': return "000000";
    case 'p': return t.hour < 12 ? "AM" : "PM";
    case 'P': return t.hour < 12 ? "am" : "pm";
    case 'A': return std::string(day_name);
    case 'a': return std::string(day_name.substr(0, 3));
    case 'B': return std::string(month_name);
    case 'b':
    case 'h': return std::string(month_name.substr(0, 3));
    case 'j': return padded(day_of_year(t), 3);
    case 'w': return std::to_string(weekday(t));
    case 'u': return std::to_string(weekday(t) == 0 ? 7 : weekday(t));
    case 'U': return two((day_of_year(t) + 6 - weekday(t)) / 7);
    case 'W': return two((day_of_year(t) + 6 - (weekday(t) + 6) % 7) / 7);
    case 'T':
    case 'X': return clock;
    case 'R': return clock.substr(0, 5);
    case 'r': return two(hour12) + clock.substr(2) + (t.hour < 12 ? " AM" : " PM");
    case 'D':
    case 'x': return two(t.month) + "/" + two(t.day) + "/" + two(t.year % 100);
    case 'F': return std::to_string(t.year) + "-" + two(t.month) + "-" + two(t.day);
    case 'c':
      return std::string(day_name.substr(0, 3)) + " " + std::string(month_name.substr(0, 3)) + " " +
             padded(t.day, 2, ' ') + " " + clock + " " + std::to_string(t.year);
    case 'n': return "\n";
    case 't': return "\t";
    case '%': return "%";
    case 'Z':
    case 'z': return "";  // a moment without a zone
    default: break;
  }
  fail(Code::kUnsupported, "conversions of strftime", Text("'%", what, "'"));
}

}  // namespace

Value format_time(Meter& meter, const Value& format, const LocalTime& time) {
  const bool sane = time.year >= 1 && time.year <= 9999 && time.month >= 1 && time.month <= 12 && time.day >= 1 &&
                    time.day <= 31 && time.hour >= 0 && time.hour <= 23 && time.minute >= 0 && time.minute <= 59 &&
                    time.second >= 0 && time.second <= 60;
  if (!sane) fail(Code::kInvalidArgument, "a moment of the calendar as RenderInput::now", "another");
  Builder out(meter);
  const std::string_view text = string_of(format).text;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out.add(format, at, at + 1);
      continue;
    }
    // '-' drops what pads a number.
    const bool bare = at + 2 < text.size() && text[at + 1] == '-';
    at += bare ? 2 : 1;
    if (at >= text.size()) {
      out.add("%", origin_at(format, at - 1));
      break;
    }
    std::string part = convert(text[at], time);
    if (bare) part.erase(0, std::min(part.find_first_not_of("0 "), part.size() - 1));
    out.add(part, origin_at(format, at));
  }
  return out.done();
}

}  // namespace text

}  // namespace moxie
