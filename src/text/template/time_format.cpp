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

struct IsoWeek {
  int year;
  int week;
};

/// The week that has the year's first Thursday is its first; weeks begin on Monday.
IsoWeek iso_week(const LocalTime& time) noexcept {
  const int monday_based = (weekday(time) + 6) % 7;
  const int thursday = day_of_year(time) + 3 - monday_based;
  if (thursday < 1) {
    const int days = is_leap(time.year - 1) ? 366 : 365;
    return {time.year - 1, (thursday + days - 1) / 7 + 1};
  }
  const int days = is_leap(time.year) ? 366 : 365;
  if (thursday > days) return {time.year + 1, 1};
  return {time.year, (thursday - 1) / 7 + 1};
}

std::string padded(int number, std::size_t width, char fill = '0') {
  std::string digits = std::to_string(number);
  return digits.size() < width ? std::string(width - digits.size(), fill) + digits : digits;
}

/// In the system's time zone, as Python has it.
std::string seconds_since_1970(const LocalTime& time) {
  std::tm parts{};
  parts.tm_year = time.year - 1900;
  parts.tm_mon = time.month - 1;
  parts.tm_mday = time.day;
  parts.tm_hour = time.hour;
  parts.tm_min = time.minute;
  parts.tm_sec = time.second;
  parts.tm_isdst = -1;
  return std::to_string(static_cast<long long>(std::mktime(&parts)));
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
    case 'V': return two(iso_week(t).week);
    case 'G': return std::to_string(iso_week(t).year);
    case 'g': return two(iso_week(t).year % 100);
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
    case 's': return seconds_since_1970(t);
    default: return "";
  }
}

bool is_conversion(char c) noexcept {
  return std::string_view("YyCmdeHIklMSfpPAaBbhjwuUWVGgTXRrDxFcnt%Zzs").find(c) != std::string_view::npos;
}

/// Flags as glibc has them: '-' no padding (but blanks up to a width), '_' blanks, '0' zeros, '^' upper case (not of
/// %P),
/// '#' the other case (not of %P and %c); a width.
std::string flagged(std::string part, std::string_view flags, std::size_t width, char what) {
  char fill = std::string_view("ekls").find(what) != std::string_view::npos ? ' ' : '0';
  const bool number = !part.empty() && part.find_first_not_of(" 0123456789") == std::string::npos;
  if (!number) fill = ' ';
  for (const char flag : flags) {
    if (flag == '^' || flag == '#') {
      if (what == 'P' || (what == 'c' && flag == '#')) continue;
      const bool lower = flag == '#' && (what == 'p' || what == 'Z');
      for (char& c : part) {
        if (lower ? c >= 'A' && c <= 'Z' : c >= 'a' && c <= 'z') c = static_cast<char>(c ^ 0x20);
      }
      continue;
    }
    fill = flag == '-' ? '\0' : flag == '_' ? ' ' : '0';
    if (!number) continue;
    const std::size_t digits = std::min(part.find_first_not_of("0 "), part.size() - 1);
    if (fill == '\0') {
      part.erase(0, digits);
    } else {
      part.replace(0, digits, digits, fill);
    }
  }
  if (part.size() < width) part.insert(0, width - part.size(), fill == '\0' ? ' ' : fill);
  return part;
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
    const std::size_t begin = at++;
    const std::size_t flags = at;
    while (at < text.size() && std::string_view("-_0^#").find(text[at]) != std::string_view::npos) ++at;
    const std::size_t digits = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    const std::string_view written = text.substr(digits, at - digits);
    if (written.size() > 3) fail(Code::kUnsupported, "a width of at most 999", written);
    std::size_t width = 0;
    for (const char c : written) width = 10 * width + static_cast<std::size_t>(c - '0');
    if (at < text.size() && (text[at] == 'E' || text[at] == 'O')) ++at;  // other digits, of other languages
    if (at >= text.size() || !is_conversion(text[at])) {
      // What is none stays as it is.
      at = std::min(at, text.size() - 1);
      out.add(format, begin, at + 1);
      continue;
    }
    out.add(flagged(convert(text[at], time), text.substr(flags, digits - flags), width, text[at]),
            origin_at(format, at));
  }
  return out.done();
}

}  // namespace text

}  // namespace moxie
