// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "text/template/payload.hpp"

namespace moxie::inline abi1::text {

/// Puts a string together from pieces and remembers where each byte came from. Every string that the
/// interpreter makes is made here, which is why no filter can lose or launder an origin.
class Builder {
 public:
  explicit Builder(Meter& meter) : data_(&meter), meter_(meter) {}

  void add(std::string_view text, Origin origin) {
    if (text.empty()) return;
    grow(text.size());
    data_->text.append(text);
    close_run(origin);
  }
  /// The bytes [begin, end) of a string, each with the origin it has there.
  void add(const Value& string, std::size_t begin, std::size_t end);
  void add(const Value& string) { add(string, 0, string_of(string).text.size()); }

  [[nodiscard]] std::string_view text() const noexcept { return data_->text; }
  [[nodiscard]] const MeteredVector<Run>& runs() const noexcept { return data_->runs; }
  /// An empty one has the origin of the template.
  Value done(bool markup = false);

 private:
  void grow(std::size_t more) {
    meter_.touch(more);
    meter_.check_text(data_->text.size() + more);
  }
  void close_run(Origin origin) {
    if (!data_->runs.empty() && data_->runs.back().origin == origin) {
      data_->runs.back().end = data_->text.size();
    } else {
      data_->runs.push_back({data_->text.size(), origin});
    }
  }

  Making<StringData> data_;
  Meter& meter_;
};

/// The part [begin, end) of a string, in bytes; the string itself where that is all of it.
Value slice(Meter& meter, const Value& string, std::size_t begin, std::size_t end);
/// The origin of the byte at `offset` of a string.
Origin origin_at(const Value& string, std::size_t offset) noexcept;
/// kData if either is.
inline Origin join(Origin a, Origin b) noexcept { return a == Origin::kData ? a : b; }

}  // namespace moxie::text
