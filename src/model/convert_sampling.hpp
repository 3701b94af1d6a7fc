// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include <moxie/core/host.hpp>
#include <moxie/core/status.hpp>
#include <moxie/format/gguf_writer.hpp>

namespace moxie::model {

/// Puts what generation_config.json recommends for sampling into a GGUF file, so that the file means what the folder
/// does. Nothing where there is no such file or it recommends nothing. What GGUF has no key for is left out, with a
/// warning to `callbacks` that names it.
///
/// Errors   those of read_recommended_sampling(). Lets std::bad_alloc through.
/// Source   general.sampling.* as llama.cpp's converter writes them
Status set_sampling(GgufWriter& writer, const std::filesystem::path& folder, const HostCallbacks& callbacks);

}  // namespace moxie::model
