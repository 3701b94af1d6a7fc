// SPDX-License-Identifier: Apache-2.0
#include <moxie/model/convert.hpp>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include <moxie/backend/executors.hpp>

#include "commands.hpp"
#include "interrupt.hpp"
#include "output.hpp"
#include "progress.hpp"

namespace moxie::program {

Status run_convert(const Convert& options) {
  const Interrupt interrupt;
  MOXIE_TRY_LET(const GgufFileType type, parse_gguf_file_type(options.type));
  MOXIE_TRY_LET(const std::unique_ptr<Executor> executor, make_executor(ExecutorKind::kThreads, options.threads));
  HostCallbacks callbacks = progress_bar();
  callbacks.on_log = [](LogLevel, std::string_view line) {
    std::fprintf(stderr, "moxie: %s\n", for_terminal(line, stderr).c_str());
  };
  MOXIE_TRY(convert_to_gguf(options.model, options.output,
                            {.type = type, .executor = executor.get(), .callbacks = std::move(callbacks)}));
  std::error_code ignored;
  std::printf("%s: %.1f MB\n", options.output.c_str(),
              static_cast<double>(std::filesystem::file_size(options.output, ignored)) / 1e6);
  return {};
}

}  // namespace moxie::program
