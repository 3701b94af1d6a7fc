// SPDX-License-Identifier: Apache-2.0
#include "text/template/builder.hpp"

#include <algorithm>

#include "text/template/unicode.hpp"

namespace moxie::inline abi1::text {

namespace {

std::size_t run_at(const StringData& data, std::size_t offset) noexcept {
  const auto at = std::upper_bound(data.runs.begin(), data.runs.end(), offset,
                                   [](std::size_t o, const Run& run) { return o < run.end; });
  return static_cast<std::size_t>(at - data.runs.begin());
}

}  // namespace

void Builder::add(const Value& string, std::size_t begin, std::size_t end) {
  if (begin >= end) return;
  const StringData& from = string_of(string);
  const std::string_view text = from.text;
  if (from.runs.empty()) return add(text.substr(begin, end - begin), string.origin());
  for (std::size_t run = run_at(from, begin); begin < end; ++run) {
    const std::size_t stop = std::min(end, from.runs[run].end);
    add(text.substr(begin, stop - begin), from.runs[run].origin);
    begin = stop;
  }
}

Value Builder::done(bool markup) {
  Origin origin = Origin::kTemplate;
  for (const Run& run : data_->runs) origin = join(origin, run.origin);
  if (data_->runs.size() <= 1) {
    data_->runs.clear();
    data_->runs.shrink_to_fit();
  }
  data_->points = count_points(data_->text);
  data_->weight = data_->text.size();
  data_->markup = markup;
  return data_.done(Kind::kString, origin);
}

Value slice(Meter& meter, const Value& string, std::size_t begin, std::size_t end) {
  const StringData& data = string_of(string);
  if (begin == 0 && end == data.text.size() && !data.markup) return string;
  Builder builder(meter);
  builder.add(string, begin, end);
  return builder.done(data.markup);
}

Origin origin_at(const Value& string, std::size_t offset) noexcept {
  const StringData& data = string_of(string);
  return data.runs.empty() ? string.origin() : data.runs[run_at(data, offset)].origin;
}

}  // namespace moxie::text
