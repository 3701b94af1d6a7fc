// SPDX-License-Identifier: Apache-2.0
#include "model/load/model_text.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <system_error>

#include "format/file.hpp"
#include "format/json.hpp"

namespace moxie::inline abi1::model {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxBytes = 1U << 20U;  // of generation_config.json

/// Reads settings and keeps the first error. `Source` gives the value of a name, absent where there is none; a null of
/// JSON is none.
template <class Source>
class Settings {
 public:
  Settings(std::string_view where, Source source) noexcept : where_(where), source_(source) {}

  [[nodiscard]] const Status& status() const noexcept { return status_; }

  template <class Fine>
  std::optional<double> number(std::string_view key, std::string_view needed, Fine fine) {
    const auto value = source_(key);
    if (!value) return std::nullopt;
    const std::optional<double> number = value.as_double();
    if (number && std::isfinite(*number) && fine(*number)) return number;
    fail(key, needed, value.describe());
    return std::nullopt;
  }
  /// -1 is written as well as 0 for no limit.
  std::optional<std::size_t> count(std::string_view key, std::size_t minus_one) {
    constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max();
    const auto value = source_(key);
    if (!value) return std::nullopt;
    const std::optional<std::int64_t> number = value.as_i64();
    if (number && *number >= -1 && *number <= kMax) {
      return *number < 0 ? minus_one : static_cast<std::size_t>(*number);
    }
    fail(key, Text("a whole number in [-1, ", kMax, "]"), value.describe());
    return std::nullopt;
  }
  std::optional<bool> flag(std::string_view key) {
    const auto value = source_(key);
    if (!value) return std::nullopt;
    const std::optional<bool> flag = value.as_bool();
    if (!flag) fail(key, "true or false", value.describe());
    return flag;
  }
  /// What moxie does not have; `neutral` is the number that asks for nothing.
  void note(std::string_view key, double neutral, std::vector<std::string>& unsupported) {
    const auto value = source_(key);
    if (!value || value.as_double() == neutral) return;
    unsupported.emplace_back(Text(key, ' ', value.describe().view()).view());
  }

  void read_common(std::string_view temperature, std::string_view repetition, RecommendedSampling& to) {
    const auto share = [](double x) { return x > 0 && x <= 1; };
    to.temperature = number(temperature, "a number of 0 or more", [](double x) { return x >= 0; });
    to.top_k = count("top_k", 0);
    to.top_p = number("top_p", "a number in (0, 1]", share);
    to.min_p = number("min_p", "a number in [0, 1]", [](double x) { return x >= 0 && x <= 1; });
    to.typical_p = number("typical_p", "a number in (0, 1]", share);
    to.repetition_penalty = number(repetition, "a number above 0", [](double x) { return x > 0; });
  }

 private:
  void fail(std::string_view key, std::string_view needed, std::string_view came) {
    if (status_.ok()) status_ = Status(Code::kFormat, where_, Text(key, " as ", needed), came);
  }

  std::string_view where_;
  Source source_;
  Status status_;
};

struct Neutral {
  std::string_view key;
  double value;
};

}  // namespace

Result<RecommendedSampling> read_generation_config(std::string_view json, std::string_view where) {
  MOXIE_TRY_LET(const auto document, format::JsonDocument::parse(json, {.max_bytes = kMaxBytes}, where));
  const format::JsonValue root = document.root();
  if (!root.is_object()) return Status(Code::kFormat, where, "an object", root.describe());
  Settings settings(where, [root](std::string_view key) {
    const format::JsonValue value = root.find(key);
    return value && value.is_null() ? format::JsonValue() : value;
  });
  RecommendedSampling read;
  read.do_sample = settings.flag("do_sample");
  settings.read_common("temperature", "repetition_penalty", read);
  constexpr std::array<Neutral, 8> kOthers = {{{"num_beams", 1},
                                               {"no_repeat_ngram_size", 0},
                                               {"penalty_alpha", 0},
                                               {"epsilon_cutoff", 0},
                                               {"eta_cutoff", 0},
                                               {"guidance_scale", 1},
                                               {"min_length", 0},
                                               {"min_new_tokens", 0}}};
  for (const Neutral& other : kOthers) settings.note(other.key, other.value, read.unsupported);
  MOXIE_TRY(settings.status());
  return read;
}

Result<RecommendedSampling> read_gguf_sampling(const Metadata& metadata) {
  Settings settings("GGUF general.sampling",
                    [&metadata](std::string_view key) { return metadata.find(Text("general.sampling.", key)); });
  RecommendedSampling read;
  settings.read_common("temp", "penalty_repeat", read);
  read.penalty_tokens = settings.count("penalty_last_n", SIZE_MAX);
  settings.note("mirostat", 0, read.unsupported);
  settings.note("xtc_probability", 0, read.unsupported);
  if (const auto order = metadata.find("general.sampling.sequence"); order && order.as_string() != "") {
    read.unsupported.emplace_back(Text("sequence ", order.describe().view()).view());
  }
  MOXIE_TRY(settings.status());
  return read;
}

Result<RecommendedSampling> read_folder_sampling(const fs::path& folder) {
  const fs::path path = folder / "generation_config.json";
  std::error_code ignored;
  if (fs::symlink_status(path, ignored).type() == fs::file_type::not_found) return RecommendedSampling();
  MOXIE_TRY_LET(const std::string json, format::read_small_file(path, kMaxBytes));
  return read_generation_config(json, path.native());
}

Result<RecommendedSampling> read_recommended_sampling(const Checkpoint& checkpoint, const fs::path& folder) {
  return checkpoint.kind() == CheckpointKind::kGguf ? read_gguf_sampling(checkpoint.metadata())
                                                    : read_folder_sampling(folder);
}

}  // namespace moxie::model
