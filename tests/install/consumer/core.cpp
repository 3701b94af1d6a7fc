// SPDX-License-Identifier: Apache-2.0
// Uses the headers of moxie::core as a host does; also built without exceptions and run-time types.
#include <array>
#include <cstddef>
#include <cstdio>
#include <span>
#include <utility>

#include <moxie/core/budget.hpp>
#include <moxie/core/math.hpp>
#include <moxie/core/philox.hpp>
#include <moxie/core/result.hpp>
#include <moxie/core/workers.hpp>
#include <moxie/core/workspace.hpp>

namespace {

int failures = 0;

void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  ++failures;
}

moxie::Result<std::size_t> half(std::size_t n) {
  if (n % 2 != 0) return moxie::Status(moxie::Code::kInvalidArgument, "half", "an even number", moxie::Text(n));
  return n / 2;
}

moxie::Result<std::size_t> quarter(std::size_t n) {
  MOXIE_TRY_LET(const std::size_t once, half(n));
  return half(once);
}

}  // namespace

int main() {
  expect(*quarter(12) == 3, "a quarter of 12 is 3");
  expect(quarter(6).status().message() == "half: needed an even number, came 3", "an error says what came");

  const auto budget = moxie::Budget::create("scratch", 4096);
  auto memory = moxie::AlignedBuffer::create(4096, budget.get());
  expect(memory.ok() && budget->left() == 0, "what is taken is charged");
  expect(moxie::AlignedBuffer::create(1, budget.get()).status().code() == moxie::Code::kBudget, "a limit holds");

  moxie::SerialExecutor executor;
  std::array<moxie::Workspace, 1> workspaces = {moxie::Workspace(memory->bytes())};
  moxie::Workers workers(executor, workspaces);
  std::array<float, 4> sums{};
  const moxie::Status ran = workers.each(sums.size(), [&](std::size_t i, moxie::Workspace& ws) -> moxie::Status {
    MOXIE_TRY_LET(const moxie::Rows row, ws.rows(1, 3));
    for (std::size_t j = 0; j < row.width; ++j) row[0][j] = static_cast<float>(i);
    moxie::softmax(row[0]);
    sums[i] = row[0][0] + row[0][1] + row[0][2];
    return {};
  });
  expect(ran.ok() && sums[0] > 0.9999f && sums[3] < 1.0001f, "a softmax sums to 1");

  // The known answer of Philox4x32-10 for counter 0 and key 0.
  const moxie::Philox::Block expected = {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u};
  expect(moxie::Philox(0).block(0) == expected, "Philox gives its known answer");
  return failures == 0 ? 0 : 1;
}
