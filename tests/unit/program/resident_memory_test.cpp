// SPDX-License-Identifier: Apache-2.0
// What a model costs in memory that is really there, of the process and of the files that it maps.
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/kernel/kernel.hpp>
#include <moxie/model/model.hpp>
#include <moxie/model/pack.hpp>

#include "commands.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace moxie;

namespace {

constexpr std::uint64_t kKvBytes = 4U << 20;

/// A line of /proc/self/status, in bytes. VmRSS: what this process has in memory, mapped files included. VmHWM: the
/// most that it had at once.
std::uint64_t status_bytes(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::stoull(line.substr(name.size())) * 1024;
  }
  return 0;
}

Status load_and_run(const std::filesystem::path& path) {
  MOXIE_TRY_LET(const Model model, Model::load(path));
  MOXIE_TRY_LET(Kernel kernel,
                Kernel::create({.threads = 2, .memory_bytes = kKvBytes + (8U << 20), .max_step_rows = 8}));
  MOXIE_TRY_LET(Context context, kernel.open(model));
  const std::vector<TokenId> tokens = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  std::vector<float> logits(model.config().vocab_size);
  Request request{.context = &context,
                  .tokens = tokens,
                  .want = Logits::kLast,
                  .logits = Rows(logits.data(), 1, logits.size()),
                  .cancel = nullptr,
                  .max_rows = SIZE_MAX};
  while (!request.finished()) MOXIE_TRY(kernel.step({&request, 1}).status());
  return request.status;
}

/// What a process has in memory at most, beyond what it is made of, while it loads the model and runs it; 0 where that
/// fails.
std::uint64_t peak_of_a_run(const std::filesystem::path& path, const std::filesystem::path& small) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();  // no other thread is there yet
  REQUIRE(child >= 0);
  if (child == 0) {
    // Code is part of what the process is made of. A child of fork() has none of its parent's pages of files, so a
    // small model brings them in first.
    const bool made = load_and_run(small).ok();
    ::malloc_trim(0);  // what the small model left in the heap would hide as much of the other
    const std::uint64_t before = status_bytes("VmRSS:");
    std::uint64_t peak = 0;
    if (made && load_and_run(path).ok()) peak = status_bytes("VmHWM:") - before;
    const ssize_t written = ::write(ends[1], &peak, sizeof(peak));
    ::_exit(written == sizeof(peak) ? 0 : 1);
  }
  ::close(ends[1]);
  std::uint64_t peak = 0;
  const ssize_t got = ::read(ends[0], &peak, sizeof(peak));
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return got == sizeof(peak) ? peak : 0;
}

}  // namespace

TEST_CASE("a model of a mapped file is in memory once, packed when it is loaded or before") {
  const test::TemporaryFolder folder;
  program::Synth synth;
  synth.output = (folder / "m.gguf").native();
  synth.layers = 6;
  synth.hidden = 512;
  synth.expert_width = 256;
  synth.heads = 8;
  synth.vocab = 8192;
  REQUIRE(program::run_synth(synth).ok());
  REQUIRE(pack_gguf(folder / "m.gguf", folder / "packed.gguf").ok());
  program::Synth small = synth;
  small.output = (folder / "small.gguf").native();
  small.layers = 1;
  small.experts = 8;
  REQUIRE(program::run_synth(small).ok());
  for (const char* name : {"m.gguf", "packed.gguf"}) {
    const std::uint64_t file = std::filesystem::file_size(folder / name);
    const std::uint64_t peak = peak_of_a_run(folder / name, folder / "small.gguf");
    CAPTURE(name, file, peak);
    CHECK(peak > file / 4);  // that it was measured at all; of a packed file, pages that nobody needs stay out
    CHECK(peak <= file + file / 10 + kKvBytes);
  }
}
