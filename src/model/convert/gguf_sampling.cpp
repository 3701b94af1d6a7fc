// SPDX-License-Identifier: Apache-2.0
#include "model/convert/gguf_parts.hpp"

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <moxie/core/text.hpp>

#include "model/load/model_text.hpp"

namespace moxie::inline abi1::model {

namespace {

std::string key(std::string_view name) { return std::string("general.sampling.").append(name); }

/// GGUF keeps f32: what becomes infinite or 0 there would mean something else.
Status set_number(GgufWriter& writer, std::string_view name, std::optional<double> value) {
  if (!value) return {};
  const auto kept = static_cast<float>(*value);
  if (!std::isfinite(kept) || (kept == 0) != (*value == 0)) {
    return Status(Code::kUnsupported, "convert", Text(key(name), " as f32"), Text(*value));
  }
  return writer.set_f32(key(name), kept);
}

/// GGUF has no do_sample: a temperature says it, 0 for greedy.
std::optional<double> temperature_of(const RecommendedSampling& recommended) {
  if (recommended.do_sample == false) return 0;
  if (recommended.do_sample == true) return recommended.temperature.value_or(1);
  return recommended.temperature;
}

void leave_out(const HostCallbacks& callbacks, std::string_view what) {
  callbacks.log(LogLevel::kWarning,
                Text("GGUF has no key for ", what, " of generation_config.json: it is left out").view());
}

}  // namespace

Status set_sampling(GgufWriter& writer, const std::filesystem::path& folder, const HostCallbacks& callbacks) {
  MOXIE_TRY_LET(const RecommendedSampling recommended, read_folder_sampling(folder));
  const std::optional<double> temperature = temperature_of(recommended);
  MOXIE_TRY(set_number(writer, "temp", temperature));
  if (temperature != 0.0) {
    if (recommended.top_k) {
      MOXIE_TRY(writer.set_i32(key("top_k"), static_cast<std::int32_t>(*recommended.top_k)));  // read as 31 bits
    }
    MOXIE_TRY(set_number(writer, "top_p", recommended.top_p));
    MOXIE_TRY(set_number(writer, "min_p", recommended.min_p));
    if (recommended.typical_p.value_or(1) != 1) {
      leave_out(callbacks, Text("typical_p ", *recommended.typical_p).view());
    }
  }
  if (recommended.repetition_penalty) {
    MOXIE_TRY(set_number(writer, "penalty_repeat", recommended.repetition_penalty));
    // transformers counts the whole context, llama.cpp 64 tokens where nothing is said.
    MOXIE_TRY(writer.set_i32(key("penalty_last_n"), -1));
  }
  for (const std::string& other : recommended.unsupported) leave_out(callbacks, other);
  return {};
}

}  // namespace moxie::model
