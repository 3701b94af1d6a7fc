// SPDX-License-Identifier: Apache-2.0
#include "builtin_model.hpp"

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace moxie::program {

namespace {

constexpr const char* kNeeded = "a model: -m, MOXIE_MODEL, or the one that comes with moxie";

}  // namespace

Result<std::string> model_or_builtin(const std::string& model) {
  namespace fs = std::filesystem;
  if (!model.empty()) return model;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread as yet
  if (const char* named = std::getenv("MOXIE_MODEL"); named != nullptr && *named != '\0') return std::string(named);
  // Relative to the program, so that an installed tree may be moved.
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error)
    return Status(Code::kNotFound, "--model", kNeeded, "none, and the system does not say where the program lies");
  const fs::path found = (program.parent_path() / MOXIE_BUILTIN_MODEL).lexically_normal();
  if (fs::is_regular_file(found, error)) return found.string();
  return Status(Code::kNotFound, "--model", kNeeded, "no file " + found.string());
}

}  // namespace moxie::program
