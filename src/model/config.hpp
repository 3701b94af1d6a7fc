// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <moxie/core/result.hpp>
#include <moxie/model/model_config.hpp>

namespace moxie::model {

/// Reads config.json as transformers writes it, in its older form (rope_theta, rope_scaling) and its
/// newer (rope_parameters). What moxie cannot run is refused by name, never passed over.
Result<ModelConfig> read_config(std::string_view json);

}  // namespace moxie::model
