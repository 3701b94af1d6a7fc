// SPDX-License-Identifier: Apache-2.0
// Plug-ins that misbehave inside a loaded model: their own requests end, and no other bit changes.
#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <thread>

#include <moxie/kernel/generation.hpp>

#include "routed_case.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;

namespace {

enum class Deed { kThrow, kFail, kNaN, kWriteBehind, kWriteBefore, kWriteFar, kSleep };

struct BadExpert {
  std::size_t D = 0;
  Deed deed = Deed::kThrow;
  [[nodiscard]] std::size_t width() const noexcept { return D; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status run(ConstRows x, Rows y, Workspace&) const {
    for (std::size_t t = 0; t < y.rows; ++t) std::ranges::copy(x[t], y.row(t));
    switch (deed) {
      case Deed::kThrow: throw std::runtime_error("no");
      case Deed::kFail: return Status(Code::kIo, "expert", "a file", "none");
      case Deed::kNaN: y[0][0] = std::numeric_limits<float>::quiet_NaN(); break;
      case Deed::kWriteBehind: y.row(y.rows - 1)[D] = 1.0f; break;
      case Deed::kWriteBefore: y.row(0)[-1] = 1.0f; break;
      case Deed::kWriteFar:  // a dense block, whatever the stride
        for (std::size_t i = 0; i < (y.rows + 1) * D && i < y.rows * y.stride; ++i) y.data[i] = 1.0f;
        break;
      case Deed::kSleep: std::this_thread::sleep_for(std::chrono::milliseconds(20)); break;
    }
    return {};
  }
};

struct BadRouter {
  static constexpr bool row_local = true;
  std::size_t N = 0;
  int deed = 0;
  [[nodiscard]] std::size_t num_experts() const noexcept { return N; }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return 2; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status route(const RouteIn& in, RouteOut out, Workspace&) const {
    for (std::size_t t = 0; t < in.rows(); ++t) {
      out.experts[t][0] = 0, out.experts[t][1] = 1;
      out.weights[t][0] = out.weights[t][1] = 0.5f;
    }
    switch (deed) {
      case 0: throw std::runtime_error("no");
      case 1: out.experts[0][0] = static_cast<std::int32_t>(N); break;
      case 2: out.experts[0][0] = -7; break;
      case 3: out.experts[0][1] = 0; break;  // twice
      case 4: out.weights[0][0] = std::numeric_limits<float>::quiet_NaN(); break;
      case 5: out.weights[0][1] = std::numeric_limits<float>::infinity(); break;
      default: out.experts[0][0] = kNoExpert; break;  // a gap
    }
    return {};
  }
};

Pathway with_bad_experts(const Case& c, Deed deed) {
  Pathway pathway(c.model);
  for (std::size_t e = 0; e < c.model.config().num_experts; ++e) {
    pathway = pathway.replace_expert({.layer = 0, .expert = e}, BadExpert{c.width(), deed}).value();
  }
  return pathway;
}

/// A good context beside a bad one in each step: the good one's bits are as ever.
Status run_beside(const Case& c, const Pathway& bad) {
  const std::size_t V = c.model.config().vocab_size;
  Kernel kernel = Kernel::create({.threads = 2, .max_step_rows = 32}).value();
  const std::vector<float> expected = c.logits(kernel, Pathway(c.model));
  Context good = kernel.open(c.model).value();
  Context broken = kernel.open(bad).value();
  std::vector<float> came(c.tokens.size() * V);
  std::vector<float> other(c.tokens.size() * V);
  std::array<Request, 2> requests = {Request{.context = &broken,
                                             .tokens = c.tokens,
                                             .want = Logits::kAll,
                                             .logits = Rows(other.data(), c.tokens.size(), V),
                                             .max_rows = 7},
                                     Request{.context = &good,
                                             .tokens = c.tokens,
                                             .want = Logits::kAll,
                                             .logits = Rows(came.data(), c.tokens.size(), V),
                                             .max_rows = 11}};
  while (kernel.step(requests).value().unfinished > 0) {
  }
  CHECK(requests[1].status.message() == "");
  CHECK(same_bits(came, expected));
  return requests[0].status;
}

}  // namespace

TEST_CASE("an expert that throws, fails or writes beside its rows ends its own requests") {
  const Case c("tiny_tied");
  CHECK(run_beside(c, with_bad_experts(c, Deed::kThrow)).code() == Code::kHostException);
  CHECK(run_beside(c, with_bad_experts(c, Deed::kFail)).code() == Code::kIo);
  for (const Deed deed : {Deed::kWriteBehind, Deed::kWriteBefore, Deed::kWriteFar}) {
    const Status status = run_beside(c, with_bad_experts(c, deed));
    CHECK(status.code() == Code::kHostException);
    CHECK(status.message().find("beside") != std::string_view::npos);
  }
}

TEST_CASE("an expert that gives NaN spoils its own context alone") {
  const Case c("tiny_tied");
  const Status status = run_beside(c, with_bad_experts(c, Deed::kNaN));
  CAPTURE(std::string(status.message()));
  CHECK((status.ok() || status.code() == Code::kInvalidArgument));  // a later router refuses its logits
}

TEST_CASE("a router that decides nothing that can be done ends its own requests") {
  const Case c("tiny_tied");
  for (int deed = 0; deed < 7; ++deed) {
    INFO("deed " << deed);
    const Pathway bad = Pathway(c.model).replace_router(0, BadRouter{c.model.config().num_experts, deed}).value();
    CHECK(run_beside(c, bad).code() == (deed == 0 ? Code::kHostException : Code::kInvalidArgument));
  }
}

TEST_CASE("an expert that runs past a deadline ends its answer with it") {
  const Case c("tiny_tied");
  Kernel kernel = make_kernel();
  Context context = kernel.open(with_bad_experts(c, Deed::kSleep)).value();
  GenerationOptions options;
  options.max_tokens = 100;
  options.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
  Generation answer = kernel.generate(context, std::span<const TokenId>(c.tokens).first(4), options);
  CHECK(answer.run().code() == Code::kDeadline);
  CHECK(answer.status().code() == Code::kDeadline);
  CHECK(answer.tokens().size() < 100);
}
