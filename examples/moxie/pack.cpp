// SPDX-License-Identifier: Apache-2.0
#include <moxie/model/pack.hpp>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include <moxie/backend/executors.hpp>

#include "commands.hpp"
#include "interrupt.hpp"
#include "progress.hpp"

namespace moxie::program {

Status run_pack(const Pack& options) {
  const Interrupt interrupt;
  MOXIE_TRY_LET(const std::unique_ptr<Executor> executor, make_executor(ExecutorKind::kThreads, options.threads));
  MOXIE_TRY(pack_gguf(options.model, options.output, {.executor = executor.get(), .callbacks = progress_bar()}));
  std::error_code ignored;
  std::printf("%s: %.1f MB\n", options.output.c_str(),
              static_cast<double>(std::filesystem::file_size(options.output, ignored)) / 1e6);
  return {};
}

}  // namespace moxie::program
