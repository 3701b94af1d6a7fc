// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <thread>

#include "support/catch.hpp"
#include "support/running.hpp"

using namespace moxie;
using namespace moxie::test;
using namespace moxie::units;

namespace {

constexpr std::size_t kVocab = 64;  // of the checkpoints below

const Model& tiny() {
  static const Model model = Model::load(data_folder("tiny_tied")).value();
  REQUIRE(model.config().vocab_size == kVocab);
  return model;
}

std::vector<TokenId> tokens_from(TokenId first, std::size_t count) {
  std::vector<TokenId> tokens(count);
  for (std::size_t i = 0; i < count; ++i) {
    tokens[i] = static_cast<TokenId>((static_cast<std::size_t>(first) * 7 + i * 13) % kVocab);
  }
  return tokens;
}

/// What the tokens give when nothing else happens.
std::vector<float> expected_last(const std::vector<TokenId>& tokens) {
  Kernel kernel = Kernel::create({.threads = 1}).value();
  Context context = kernel.open(tiny()).value();
  const std::vector<float> logits = all_logits(kernel, context, tokens, kVocab);
  return {logits.end() - kVocab, logits.end()};
}

/// A request with tokens and logits of its own.
struct OneRequest {
  explicit OneRequest(Context& context, std::vector<TokenId> tokens_in) : tokens(std::move(tokens_in)), out(kVocab) {
    request.context = &context;
    request.tokens = tokens;
    request.logits = Rows(out.data(), 1, kVocab);
  }
  OneRequest(const OneRequest&) = delete;
  std::vector<TokenId> tokens;
  std::vector<float> out;
  Request request;
};

/// An executor that does something of the test's before each run.
class Interrupting final : public Executor {
 public:
  explicit Interrupting(std::function<Status(std::size_t run)> before) : before_(std::move(before)) {}
  std::size_t width() const noexcept override { return 2; }
  Status run(std::size_t n, TaskRef task) noexcept override {
    MOXIE_TRY(before_(runs_++));
    for (std::size_t i = 0; i < n; ++i) task(i, i % 2);
    return {};
  }
  std::string_view name() const noexcept override { return "interrupting"; }
  std::size_t runs() const noexcept { return runs_; }

 private:
  std::function<Status(std::size_t)> before_;
  std::size_t runs_ = 0;
};

}  // namespace

TEST_CASE("a step says how many rows it computed and who wants another") {
  Kernel kernel = Kernel::create({.threads = 1, .max_step_rows = 8}).value();
  Context a = kernel.open(tiny()).value();
  Context b = kernel.open(tiny()).value();
  OneRequest first(a, tokens_from(1, 6)), second(b, tokens_from(2, 5));
  std::array<Request, 2> requests = {first.request, second.request};

  StepReport report = kernel.step(requests).value();
  CHECK(report.rows == 8);
  CHECK(report.unfinished == 1);
  CHECK(requests[0].finished());
  CHECK(requests[1].done == 2);
  CHECK(b.size() == 2);

  report = kernel.step(requests).value();
  CHECK(report.rows == 3);
  CHECK(report.unfinished == 0);
  CHECK(kernel.step(requests).value().rows == 0);
  CHECK(same_bits(first.out, expected_last(first.tokens)));
  CHECK(same_bits(second.out, expected_last(second.tokens)));
}

TEST_CASE("no requests, and requests without tokens, are fine") {
  Kernel kernel = Kernel::create({.threads = 1}).value();
  CHECK(kernel.step({}).value().rows == 0);
  Context context = kernel.open(tiny()).value();
  Request nothing{.context = &context};
  CHECK(kernel.step({&nothing, 1}).value().rows == 0);
  CHECK(nothing.finished());
  CHECK(context.size() == 0);
}

TEST_CASE("logits are written where they are asked for and nowhere else") {
  Kernel kernel = Kernel::create({.threads = 2}).value();
  const auto tokens = tokens_from(3, 40);
  Context whole = kernel.open(tiny()).value();
  const std::vector<float> all = all_logits(kernel, whole, tokens, kVocab);

  Context context = kernel.open(tiny()).value();
  Request silent{.context = &context, .tokens = std::span(tokens).first(39), .want = Logits::kNone};
  REQUIRE(kernel.step({&silent, 1}).ok());
  REQUIRE(silent.status.ok());
  CHECK(context.size() == 39);

  std::vector<float> wide(kVocab + 3, 42.0f);
  Request last{
      .context = &context, .tokens = std::span(tokens).last(1), .logits = Rows(wide.data(), 1, kVocab, kVocab + 3)};
  REQUIRE(kernel.step({&last, 1}).ok());
  CHECK(same_bits(std::span(wide).first(kVocab), std::span(all).last(kVocab)));
  CHECK((wide[kVocab] == 42.0f && wide[kVocab + 1] == 42.0f && wide[kVocab + 2] == 42.0f));
}

TEST_CASE("a request that cannot run gets its error and changes nothing for the others") {
  Kernel kernel = Kernel::create({.threads = 1}).value();
  Kernel other_kernel = Kernel::create({.threads = 1}).value();
  Context good = kernel.open(tiny()).value();
  Context bad = kernel.open(tiny()).value();
  Context foreign = other_kernel.open(tiny()).value();
  OneRequest fine(good, tokens_from(5, 20));
  OneRequest wrong(bad, tokens_from(6, 20));
  Code expected = Code::kInvalidArgument;

  SECTION("no context") { wrong.request.context = nullptr; }
  SECTION("a context of another kernel") { wrong.request.context = &foreign; }
  SECTION("the same context twice") { wrong.request.context = &good; }
  SECTION("a token beyond the vocabulary") { wrong.tokens[19] = kVocab; }
  SECTION("a negative token") { wrong.tokens[0] = -1; }
  SECTION("more done than there is") { wrong.request.done = 21; }
  SECTION("logits of another width") {
    wrong.request.logits.width = kVocab - 1;
    expected = Code::kShape;
  }
  SECTION("no room for all logits") {
    wrong.request.want = Logits::kAll;
    expected = Code::kShape;
  }
  SECTION("a moved-from context") {
    Context gone = std::move(bad);
    static_cast<void>(gone);
  }
  std::array<Request, 2> requests = {fine.request, wrong.request};
  REQUIRE(kernel.step(requests).ok());
  CHECK(requests[0].status.ok());
  CHECK(same_bits(fine.out, expected_last(fine.tokens)));
  CHECK(requests[1].status.code() == expected);
  CHECK_FALSE(requests[1].status.message().empty());
  CHECK(bad.size() == 0);
  CHECK(foreign.size() == 0);
  CHECK(good.size() == 20);
}

TEST_CASE("a kernel computes on threads of its own unless it is told otherwise") {
  CHECK(Kernel::create({.threads = 2}).value().executor()->name() == "threads");
  CHECK(Kernel::create({.executor = ExecutorKind::kSerial}).value().executor()->name() == "serial");
}

TEST_CASE("a cancel before, between and in the middle of steps leaves the context as it was") {
  std::atomic<bool> cancel{false};
  std::size_t cancel_at = SIZE_MAX;
  Interrupting executor([&](std::size_t run) {
    if (run == cancel_at) cancel = true;
    return Status();
  });
  Kernel kernel = Kernel::create({.max_step_rows = 16, .host_executor = lent(executor)}).value();
  Context context = kernel.open(tiny()).value();
  OneRequest one(context, tokens_from(8, 40));
  one.request.cancel = &cancel;
  std::size_t kept = 0;

  SECTION("before") { cancel = true; }
  SECTION("between") {
    REQUIRE(kernel.step({&one.request, 1}).ok());
    kept = 16;
    cancel = true;
  }
  SECTION("in the middle of the first piece") { cancel_at = 5; }
  SECTION("in the middle of the second piece") {
    REQUIRE(kernel.step({&one.request, 1}).ok());
    kept = 16;
    cancel_at = executor.runs() + 5;
  }
  for (int i = 0; i < 10 && !one.request.finished(); ++i) REQUIRE(kernel.step({&one.request, 1}).ok());
  CHECK(one.request.status.code() == Code::kCancelled);
  CHECK(one.request.done == kept);
  CHECK(context.size() == kept);

  // It goes on as if nothing had been.
  cancel_at = SIZE_MAX;
  cancel = false;
  one.request.status = Status();
  while (!one.request.finished()) REQUIRE(kernel.step({&one.request, 1}).ok());
  CHECK(same_bits(one.out, expected_last(one.tokens)));
}

TEST_CASE("a cancel of one request leaves its neighbours' bits alone") {
  std::atomic<bool> cancel{false};
  Interrupting executor([&](std::size_t run) {
    if (run == 7) cancel = true;
    return Status();
  });
  Kernel kernel = Kernel::create({.host_executor = lent(executor)}).value();
  Context a = kernel.open(tiny()).value();
  Context b = kernel.open(tiny()).value();
  OneRequest gone(a, tokens_from(1, 20)), stays(b, tokens_from(2, 20));
  gone.request.cancel = &cancel;
  std::array<Request, 2> requests = {gone.request, stays.request};
  REQUIRE(kernel.step(requests).ok());
  CHECK(requests[0].status.code() == Code::kCancelled);
  CHECK(a.size() == 0);
  CHECK(requests[1].status.ok());
  CHECK(same_bits(stays.out, expected_last(stays.tokens)));
}

TEST_CASE("an executor that fails or throws gives an error and an unchanged context") {
  bool fail = true;
  bool throws = false;
  SECTION("fails") {}
  SECTION("throws") { throws = true; }
  auto host = HostExecutor(2, [&](std::size_t n, TaskRef task) -> Status {
    if (fail && throws) throw std::runtime_error("the pool is gone");
    if (fail) return Status(Code::kNoThreads, "pool", "threads", "none");
    for (std::size_t i = 0; i < n; ++i) task(i, i % 2);
    return {};
  });
  Kernel kernel = Kernel::create({.host_executor = lent(host)}).value();
  Context context = kernel.open(tiny()).value();
  OneRequest one(context, tokens_from(4, 10));
  REQUIRE(kernel.step({&one.request, 1}).ok());
  CHECK(one.request.status.code() == (throws ? Code::kHostException : Code::kNoThreads));
  CHECK(context.size() == 0);
  fail = false;
  one.request.status = Status();
  REQUIRE(kernel.step({&one.request, 1}).ok());
  CHECK(same_bits(one.out, expected_last(one.tokens)));
}

TEST_CASE("a step inside a step is refused and changes nothing") {
  Kernel* inner = nullptr;
  Code came = Code::kOk;
  Interrupting executor([&](std::size_t run) {
    if (run == 3) came = inner->step({}).status().code();
    return Status();
  });
  Kernel kernel = Kernel::create({.host_executor = lent(executor)}).value();
  inner = &kernel;
  Context context = kernel.open(tiny()).value();
  OneRequest one(context, tokens_from(4, 10));
  REQUIRE(kernel.step({&one.request, 1}).ok());
  CHECK(came == Code::kPrecondition);
  CHECK(same_bits(one.out, expected_last(one.tokens)));
}

TEST_CASE("memory ends in a typed error, and what was there goes on") {
  Kernel roomy = Kernel::create({.threads = 1, .max_step_rows = 32}).value();
  const std::uint64_t workspace = [&] {
    Context context = roomy.open(tiny()).value();
    return roomy.memory()->used() - context.usage().bytes;
  }();
  CHECK(workspace > 0);

  SECTION("too little for the workspaces") {
    Kernel kernel = Kernel::create({.threads = 1, .memory_bytes = workspace - 1, .max_step_rows = 32}).value();
    CHECK(kernel.open(tiny()).status().code() == Code::kBudget);
    CHECK(kernel.memory()->used() == 0);
  }
  SECTION("too little for all pages") {
    const std::uint64_t page = roomy.open(tiny())->pool()->page_bytes();
    Kernel kernel =
        Kernel::create({.threads = 1, .memory_bytes = workspace + 3 * page + 4096, .max_step_rows = 32}).value();
    Context a = kernel.open(tiny()).value();
    Context b = kernel.open(tiny()).value();
    OneRequest first(a, tokens_from(1, 60)), second(b, tokens_from(2, 60));
    std::array<Request, 2> requests = {first.request, second.request};
    for (int i = 0; i < 10 && !(requests[0].finished() && requests[1].finished()); ++i)
      REQUIRE(kernel.step(requests).ok());
    CHECK(requests[0].status.ok());
    CHECK(same_bits(first.out, expected_last(first.tokens)));
    CHECK(requests[1].status.code() == Code::kBudget);
    CHECK(b.size() == requests[1].done);
    CHECK(kernel.memory()->used() <= kernel.memory()->limit());

    REQUIRE(a.truncate(0).ok());  // room again: it goes on where it stopped
    requests[1].status = Status();
    while (!requests[1].finished()) REQUIRE(kernel.step({&requests[1], 1}).ok());
    CHECK(requests[1].status.ok());
    CHECK(same_bits(second.out, expected_last(second.tokens)));
  }
  SECTION("a context's own limit of positions") {
    Context context = roomy.open(tiny(), {.max_positions = 10}).value();
    OneRequest one(context, tokens_from(1, 11));
    REQUIRE(roomy.step({&one.request, 1}).ok());
    CHECK(one.request.status.code() == Code::kBudget);
    CHECK(context.size() == 0);
    OneRequest fits(context, tokens_from(1, 10));
    REQUIRE(roomy.step({&fits.request, 1}).ok());
    CHECK(fits.request.status.ok());
    CHECK(same_bits(fits.out, expected_last(fits.tokens)));
  }
}

TEST_CASE("contexts of several models run in one step") {
  const Model other = Model::load(data_folder("bf16")).value();
  REQUIRE(other.fingerprint() != tiny().fingerprint());
  REQUIRE(other.config().vocab_size == kVocab);
  const auto tokens = tokens_from(9, 12);
  Kernel kernel = Kernel::create({.threads = 2}).value();
  Context a = kernel.open(tiny()).value();
  Context b = kernel.open(other).value();
  Context alone = kernel.open(other).value();
  const std::vector<float> expected = all_logits(kernel, alone, tokens, kVocab);
  OneRequest first(a, tokens), second(b, tokens);
  std::array<Request, 2> requests = {first.request, second.request};
  CHECK(kernel.step(requests).value().rows == 24);
  CHECK(same_bits(first.out, expected_last(tokens)));
  CHECK(same_bits(second.out, std::span(expected).last(kVocab)));
}

TEST_CASE("a context outlives its kernel and its model") {
  std::optional<Context> context;
  {
    const Model model = Model::load(data_folder("tiny_tied")).value();
    Kernel kernel = Kernel::create({.threads = 1}).value();
    context = kernel.open(model).value();
    OneRequest one(*context, tokens_from(1, 40));
    REQUIRE(kernel.step({&one.request, 1}).ok());
  }
  CHECK(context->size() == 40);
  CHECK(context->truncate(3).ok());
  Context copy = context->fork().value();
  CHECK(copy.size() == 3);
}

TEST_CASE("a pathway without edits is the model") {
  Kernel kernel = Kernel::create({.threads = 1}).value();
  const Pathway pathway(tiny());
  CHECK(pathway.hash() == tiny().identity());
  Context context = kernel.open(pathway).value();
  CHECK(context.pathway_hash() == pathway.hash());
  OneRequest one(context, tokens_from(2, 9));
  REQUIRE(kernel.step({&one.request, 1}).ok());
  CHECK(same_bits(one.out, expected_last(one.tokens)));
}

TEST_CASE("options that make no sense are refused") {
  CHECK(Kernel::create({.max_step_rows = 0}).status().code() == Code::kInvalidArgument);
  CHECK(Kernel::create({.max_step_rows = 1u << 20}).status().code() == Code::kInvalidArgument);
  CHECK(Kernel::create({.threads = 1u << 20}).status().code() == Code::kInvalidArgument);
}
