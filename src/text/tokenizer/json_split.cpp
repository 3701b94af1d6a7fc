// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer/json_split.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include <moxie/core/json_string.hpp>
#include <moxie/core/text.hpp>

namespace moxie::inline abi1::text {
namespace {

using format::JsonCensus;
using format::JsonKind;
using format::JsonScalar;

// Added tokens, a few hundred bytes each, are most of what is left.
constexpr std::size_t kMaxRestBytes = 8U << 20;

/// Writes the events that it gets as JSON again.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) noexcept : out_(out) {}

  void begin(JsonKind kind) {
    comma();
    out_ += kind == JsonKind::kObject ? '{' : '[';
    fresh_ = true;
  }
  void end(JsonKind kind) {
    out_ += kind == JsonKind::kObject ? '}' : ']';
    fresh_ = false;
  }
  void key(std::string_view text) {
    comma();
    string(text);
    out_ += ':';
    fresh_ = true;
  }
  void scalar(const JsonScalar& scalar) {
    comma();
    switch (scalar.kind) {
      case JsonKind::kBool: out_ += scalar.boolean ? "true" : "false"; break;
      case JsonKind::kUnsigned: number(scalar.whole); break;
      case JsonKind::kNegative: number(scalar.negative); break;
      case JsonKind::kReal:
        number(scalar.real);
        // A whole real number must stay a real one.
        if (out_.find_first_of(".e", out_.find_last_of(",:[") + 1) == std::string::npos) out_ += ".0";
        break;
      case JsonKind::kString: string(scalar.text); break;
      default: out_ += "null"; break;
    }
    fresh_ = false;
  }

 private:
  void comma() {
    if (!fresh_) out_ += ',';
    fresh_ = false;
  }
  template <class N>
  void number(N value) {
    std::array<char, 40> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out_.append(digits.data(), end);
  }
  void string(std::string_view text) {
    json::write_string(text, [this](std::string_view part) { out_.append(part); });
  }

  std::string& out_;
  bool fresh_ = true;
};

class SplitEvents final : public format::JsonEvents {
 public:
  SplitEvents(SplitJson& out, std::string_view where, std::uint64_t seed, bool merges_only) noexcept
      : out_(out), where_(where), seed_(seed), merges_only_(merges_only), writer_(out.rest) {}

  [[nodiscard]] bool merges_were_early() const noexcept { return merges_were_early_; }

  Status census(const JsonCensus& census) override {
    values_ = static_cast<std::size_t>(census.values);
    return {};
  }

  Status key(std::string_view key) override {
    if (place_ == Place::kVocabulary) {
      token_ = key;
      return {};
    }
    if (place_ == Place::kModel && depth_ == 2) {
      large_ = key == "vocab" ? Place::kVocabulary : key == "merges" ? Place::kMerges : Place::kOther;
      prefix_next_ = key == "continuing_subword_prefix";
      if (large_ == Place::kVocabulary && seen_vocabulary_++ != 0) return twice("model.vocab");
      if (large_ == Place::kMerges && seen_merges_++ != 0) return twice("model.merges");
      if (large_ != Place::kOther) return {};
    }
    if (depth_ == 1) in_model_ = key == "model";
    if (!merges_only_) writer_.key(key);
    return {};
  }

  Status begin(JsonKind kind) override {
    ++depth_;
    switch (place_) {
      case Place::kVocabulary: return begin_entry(kind);
      case Place::kMerges: return begin_pair(kind);
      case Place::kModel:
        if (depth_ == 3 && large_ != Place::kOther) return begin_large(kind);
        break;
      case Place::kOther:
        if (depth_ == 2 && in_model_ && kind == JsonKind::kObject) place_ = Place::kModel;
        break;
    }
    large_ = Place::kOther;
    if (!merges_only_) writer_.begin(kind);
    return size_of_rest();
  }

  Status end(JsonKind kind) override {
    --depth_;
    if (place_ == Place::kVocabulary) {
      if (depth_ == 3) return end_entry();
      place_ = Place::kModel;
      large_ = Place::kOther;
      vocabulary_done_ = true;
      return merges_only_ ? Status() : out_.vocabulary.index(seed_);
    }
    if (place_ == Place::kMerges) {
      if (depth_ == 3) return end_pair();
      place_ = Place::kModel;
      large_ = Place::kOther;
      return {};
    }
    if (place_ == Place::kModel && depth_ == 1) place_ = Place::kOther;
    if (!merges_only_) writer_.end(kind);
    return {};
  }

  Status scalar(const JsonScalar& scalar) override {
    if (place_ == Place::kVocabulary) return vocabulary_scalar(scalar);
    if (place_ == Place::kMerges) return merge_scalar(scalar);
    if (place_ == Place::kModel && depth_ == 2) {
      if (large_ != Place::kOther) {
        return Status(Code::kFormat, where_, "vocab and merges as lists", "a single value");
      }
      if (prefix_next_ && scalar.kind == JsonKind::kString) {
        prefix_size_ = scalar.text.size();
        // The merges before this were read as if there were none.
        if (prefix_size_ > 0 && seen_merges_ > 0 && !merges_only_) merges_were_early_ = true;
        prefix_ = scalar.text;
      }
    }
    if (!merges_only_) writer_.scalar(scalar);
    return size_of_rest();
  }

  void use_prefix(const SplitEvents& first) {
    prefix_size_ = first.prefix_size_;
    prefix_ = first.prefix_;
    vocabulary_done_ = true;
  }

 private:
  enum class Place : std::uint8_t { kOther, kModel, kVocabulary, kMerges };

  Status twice(std::string_view what) const { return Status(Code::kFormat, where_, Text(what, " once"), "it twice"); }
  Status size_of_rest() const {
    if (out_.rest.size() <= kMaxRestBytes) return {};
    return Status(Code::kFormat, where_, Text("at most ", kMaxRestBytes, " bytes beside vocabulary and merges"),
                  "more");
  }

  Status begin_large(JsonKind kind) {
    place_ = large_;
    if (place_ == Place::kMerges) {
      if (kind != JsonKind::kArray) return Status(Code::kFormat, where_, "merges as a list", "an object");
      if (!vocabulary_done_) merges_were_early_ = true;
      return {};
    }
    out_.scored = kind == JsonKind::kArray;
    return {};
  }

  // --- vocabulary: {"text": id, …} or [["text", score], …]
  Status begin_entry(JsonKind kind) {
    if (!out_.scored || depth_ != 4 || kind != JsonKind::kArray) return bad_entry("something else");
    parts_ = 0;
    return {};
  }
  Status end_entry() { return parts_ == 2 ? Status() : bad_entry("a list of another length"); }
  Status bad_entry(std::string_view came) const {
    return Status(Code::kFormat, where_,
                  out_.scored ? "each entry of vocab as [text, score]" : "each entry of vocab as text: id", came);
  }
  Status vocabulary_scalar(const JsonScalar& scalar) {
    if (merges_only_) return ++parts_, Status();
    if (!out_.scored) {
      if (scalar.kind != JsonKind::kUnsigned) {
        return Status(Code::kFormat, where_,
                      Text("the id of '", std::string_view(token_).substr(0, 60), "' as a whole number"),
                      scalar.kind == JsonKind::kNegative ? std::string_view(Text(scalar.negative)) : "something else");
      }
      return out_.vocabulary.add(scalar.whole, token_);
    }
    if (depth_ != 4) return bad_entry("a single value");
    if (parts_ == 0 && scalar.kind == JsonKind::kString) {
      token_ = scalar.text;
    } else if (parts_ == 1 && scalar.kind != JsonKind::kString && scalar.kind != JsonKind::kNull &&
               scalar.kind != JsonKind::kBool) {
      MOXIE_TRY(out_.vocabulary.add(out_.scores.size(), token_));
      out_.scores.push_back(scalar.kind == JsonKind::kUnsigned   ? static_cast<double>(scalar.whole)
                            : scalar.kind == JsonKind::kNegative ? static_cast<double>(scalar.negative)
                                                                 : scalar.real);
    } else {
      return bad_entry("something else");
    }
    ++parts_;
    return {};
  }

  // --- merges: ["left right", …] or [["left", "right"], …]
  Status begin_pair(JsonKind kind) {
    if (depth_ != 4 || kind != JsonKind::kArray) return bad_merge("something else");
    parts_ = 0;
    return {};
  }
  Status end_pair() {
    if (parts_ != 2) return bad_merge("a list of another length");
    return merge(3);
  }
  Status bad_merge(std::string_view came) const {
    return Status(Code::kFormat, where_, Text("merge ", out_.n_merges, " as \"left right\" or [left, right]"), came);
  }
  Status merge_scalar(const JsonScalar& scalar) {
    if (scalar.kind != JsonKind::kString) return bad_merge("something else");
    if (depth_ == 4) {
      if (parts_ > 1) return bad_merge("a longer list");
      (parts_ == 0 ? token_ : right_) = scalar.text;
      ++parts_;
      return {};
    }
    const std::size_t space = scalar.text.find(' ');
    if (space == std::string_view::npos || scalar.text.find(' ', space + 1) != std::string_view::npos) {
      return bad_merge(Text("'", scalar.text.substr(0, 60), "'"));
    }
    token_ = scalar.text.substr(0, space);
    right_ = scalar.text.substr(space + 1);
    return merge(1);
  }
  // Of token_ and right_, which took so many values of the file.
  Status merge(std::size_t values) {
    if (merges_were_early_) return {};
    if (out_.n_merges == 0) {
      out_.merges = MergeTable(seed_);
      const std::size_t others = 2 * out_.vocabulary.count();
      out_.merges.expect((values_ - std::min(values_, others)) / values);
    }
    const std::string_view left = token_;
    const std::string_view right = right_;
    joined_.assign(left);
    joined_ += right.starts_with(prefix_) ? right.substr(prefix_size_) : right;
    const auto l = out_.vocabulary.find(left);
    const auto r = out_.vocabulary.find(right);
    const auto both = out_.vocabulary.find(joined_);
    if (!l || !r || !both) {
      return Status(Code::kFormat, where_, Text("merge ", out_.n_merges, " of tokens in the vocabulary"),
                    Text("'", left.substr(0, 60), "' and '", right.substr(0, 60), "', without '",
                         !l   ? left.substr(0, 60)
                         : !r ? right.substr(0, 60)
                              : std::string_view(joined_).substr(0, 60),
                         "'"));
    }
    if (out_.n_merges >= Merge::kNever) return Status(Code::kUnsupported, where_, "less than 2^32 merges", "more");
    out_.merges.add(*l, *r, static_cast<std::uint32_t>(out_.n_merges++), *both);
    return {};
  }

  SplitJson& out_;
  std::string_view where_;
  std::uint64_t seed_;
  bool merges_only_;
  JsonWriter writer_;

  Place place_ = Place::kOther;
  Place large_ = Place::kOther;  // what the value of the last key of model is
  std::size_t depth_ = 0;
  std::size_t values_ = 0;
  bool in_model_ = false;
  bool prefix_next_ = false;
  bool vocabulary_done_ = false;
  bool merges_were_early_ = false;
  int seen_vocabulary_ = 0;
  int seen_merges_ = 0;
  std::size_t prefix_size_ = 0;
  std::string prefix_;
  std::size_t parts_ = 0;
  std::string token_;
  std::string right_;
  std::string joined_;
};

}  // namespace

Status split_json(std::string_view json, std::string_view where, std::uint64_t seed, SplitJson& out) {
  const format::JsonLimits limits{
      .max_bytes = 256U << 20, .max_depth = 64, .max_values = 64U << 20, .max_token_bytes = 1U << 20};
  SplitEvents events(out, where, seed, false);
  MOXIE_TRY(format::parse_json(json, limits, where, events));
  if (!events.merges_were_early()) return {};
  out.n_merges = 0;
  SplitEvents again(out, where, seed, true);
  again.use_prefix(events);
  return format::parse_json(json, limits, where, again);
}

}  // namespace moxie::text
