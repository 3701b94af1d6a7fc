// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <moxie/core/status.hpp>
#include <moxie/format/gguf_writer.hpp>
#include <moxie/model/gguf_file_type.hpp>
#include <moxie/model/model_config.hpp>

#include "model/families/family.hpp"

namespace moxie::model {

/// kUnsupported for what the family's architecture has no key for: llama.cpp would run another model without a word.
Status check_gguf_can_say(const Family& family, const ModelConfig& config);

/// The keys of a configuration for which check_gguf_can_say() had no objection.
Status set_gguf_configuration(GgufWriter& writer, const Family& family, const ModelConfig& config, GgufFileType type,
                              std::string_view model_name);

}  // namespace moxie::model
