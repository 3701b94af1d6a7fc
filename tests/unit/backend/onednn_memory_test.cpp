// SPDX-License-Identifier: Apache-2.0
// oneDNN where the system has hardly any memory left.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <new>
#include <vector>

#include <moxie/backend/backend.hpp>
#include <moxie/backend/linear.hpp>
#include <moxie/core/workspace.hpp>

#include "support/catch.hpp"

using namespace moxie;

namespace {

constexpr std::size_t kPage = 4096;

std::size_t address_space() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * kPage;
}

Status make_and_run() {
  constexpr std::size_t kIn = 256, kOut = 80, kRows = 5;
  MOXIE_TRY_LET(const Backend backend, Backend::create({.matmul = MatmulPath::kOneDnn}));
  const std::vector<float> weights(kIn * kOut, 0.5f), x(kRows * kIn, 1.0f);
  std::vector<float> y(kRows * kOut);
  MOXIE_TRY_LET(const Linear linear, Linear::create(backend, {.data = std::as_bytes(std::span(weights)).data(),
                                                              .type = ElementType::kF32,
                                                              .out_width = kOut,
                                                              .in_width = kIn}));
  MOXIE_TRY_LET(AlignedBuffer memory, AlignedBuffer::create(linear.scratch_bytes(kRows)));
  Workspace workspace(memory.as<std::byte>());
  MOXIE_TRY(linear.apply(ConstRows(x.data(), kRows, kIn), Rows(y.data(), kRows, kOut), workspace));
  for (const float value : y) {
    if (value != 128.0f) return Status(Code::kInternal, "test", "128", Text(value));
  }
  return {};
}

/// How a process ends that may take `extra` bytes more than it has: the code of what it got, or 100 and the signal.
int with_memory(std::size_t extra) {
  const pid_t child = ::fork();  // no other thread is there yet
  REQUIRE(child >= 0);
  if (child == 0) {
    const rlimit limit{.rlim_cur = address_space() + extra, .rlim_max = RLIM_INFINITY};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) ::_exit(99);
    try {
      ::_exit(static_cast<int>(make_and_run().code()));
    } catch (const std::bad_alloc&) {
      ::_exit(static_cast<int>(Code::kNoMemory));
    } catch (...) {
      ::_exit(98);
    }
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("without memory oneDNN's products are refused, and the process goes on") {
  // oneDNN keeps what it made for the process, so each attempt has one of its own, and this one makes nothing.
  const int plenty = with_memory(std::size_t{1} << 30);
  if (plenty == static_cast<int>(Code::kUnsupported)) return;  // as on a processor whose rows depend on each other
  REQUIRE(plenty == 0);
  std::size_t made = 0, refused = 0;
  for (std::size_t extra = 0; extra <= std::size_t{32} << 20; extra += 10 * kPage) {
    const int code = with_memory(extra);
    CAPTURE(extra, code);
    CHECK((code == static_cast<int>(Code::kOk) || code == static_cast<int>(Code::kNoMemory)));
    (code == 0 ? made : refused) += 1;
  }
  CHECK(made > 10);
  CHECK(refused > 10);
}
