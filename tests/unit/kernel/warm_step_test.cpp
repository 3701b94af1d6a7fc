// SPDX-License-Identifier: Apache-2.0
// No allocation in a warm step. This program counts every call of operator new, and by whom: oneDNN makes
// a small table of arguments in each execution of a primitive, which no caller can avoid.

#include <atomic>
#include <cstdlib>
#include <new>

#include <dlfcn.h>

#include "support/catch.hpp"
#include "support/running.hpp"
#include "support/script_constraint.hpp"

namespace {

std::atomic<bool> counting{false};
std::atomic<std::size_t> count_ours{0};
std::atomic<std::size_t> count_onednn{0};

void count(void* caller) noexcept {
  if (!counting) return;
  Dl_info info{};
  const bool onednn = dladdr(caller, &info) != 0 && info.dli_fname != nullptr &&
                      std::string_view(info.dli_fname).find("libdnnl") != std::string_view::npos;
  ++(onednn ? count_onednn : count_ours);
}

void* allocate(std::size_t bytes, std::size_t alignment, void* caller) noexcept {
  count(caller);
  if (alignment <= alignof(std::max_align_t)) return std::malloc(bytes == 0 ? 1 : bytes);
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

void* allocate_or_throw(std::size_t bytes, std::size_t alignment, void* caller) {
  void* memory = allocate(bytes, alignment, caller);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

#define MOXIE_CALLER __builtin_return_address(0)
void* operator new(std::size_t n) { return allocate_or_throw(n, 1, MOXIE_CALLER); }
void* operator new[](std::size_t n) { return allocate_or_throw(n, 1, MOXIE_CALLER); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return allocate(n, 1, MOXIE_CALLER); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return allocate(n, 1, MOXIE_CALLER); }
void* operator new(std::size_t n, std::align_val_t a) {
  return allocate_or_throw(n, static_cast<std::size_t>(a), MOXIE_CALLER);
}
void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(n, static_cast<std::size_t>(a), MOXIE_CALLER);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

using namespace moxie;
using namespace moxie::test;

TEST_CASE("the counter counts") {
  counting = true;
  count_ours = 0;
  delete new int(3);
  counting = false;
  CHECK(count_ours == 1);
}

TEST_CASE("a warm step allocates nothing") {
  const auto path = GENERATE(MatmulPath::kNative, MatmulPath::kAuto);
  const auto kind = GENERATE(ExecutorKind::kSerial, ExecutorKind::kThreads, ExecutorKind::kOpenMp);
  const auto checkpoint = GENERATE("biases", "deepseek_v3");
  if (!executor_available(kind)) return;
  CAPTURE(moxie::name(path), moxie::name(kind), checkpoint);
  const Model model = Model::load(data_folder(checkpoint), {.backend = {.matmul = path}}).value();
  const std::size_t V = model.config().vocab_size;
  Kernel kernel = Kernel::create({.threads = 2, .executor = kind}).value();
  Context context = kernel.open(model).value();
  Context other = kernel.open(model).value();
  REQUIRE(context.reserve(300).ok());
  REQUIRE(other.reserve(300).ok());

  std::vector<TokenId> tokens(40, 5);
  std::vector<float> out(2 * V);
  const auto step = [&](std::size_t rows) {
    std::array<Request, 2> requests = {
        Request{.context = &context, .tokens = std::span(tokens).first(rows), .logits = Rows(out.data(), 1, V)},
        Request{.context = &other, .tokens = std::span(tokens).first(1), .logits = Rows(out.data() + V, 1, V)}};
    const auto report = kernel.step(requests);
    return report.ok() && requests[0].status.ok() && requests[1].status.ok();
  };
  // Every row count that follows has run once: each has its own pieces of 64, 16, 4 and 1 rows.
  REQUIRE(step(40));
  for (int i = 0; i < 8; ++i) REQUIRE(step(1));

  count_ours = 0;
  count_onednn = 0;
  counting = true;
  bool good = true;
  for (int i = 0; i < 40; ++i) good = step(1) && good;  // crosses a page
  good = step(40) && good;                              // and a piece of a prompt
  counting = false;
  CHECK(good);
  CHECK(count_ours == 0);
  if (path == MatmulPath::kNative) CHECK(count_onednn == 0);
  if (count_onednn != 0) WARN("oneDNN itself allocated " << count_onednn << " times in 41 steps");
}

namespace {

struct Negated {
  AnyExpert own;
  std::size_t width() const noexcept { return own.width(); }
  std::size_t scratch_bytes(std::size_t T) const noexcept { return own.scratch_bytes(T); }
  Status run(ConstRows x, Rows y, Workspace& ws) const {
    MOXIE_TRY(own.run(x, y, ws));
    for (std::size_t t = 0; t < y.rows; ++t) {
      for (float& value : y[t]) value = -value;
    }
    return {};
  }
};

struct Counting final : RouteSink {
  Status take(const RouteRecord& record) override {
    rows += record.positions.size();
    return {};
  }
  std::size_t rows = 0;
};

struct NotRowLocal {
  AnyRouter own;
  static constexpr bool row_local = false;
  std::size_t num_experts() const noexcept { return own.num_experts(); }
  std::size_t experts_per_token() const noexcept { return own.experts_per_token(); }
  std::size_t scratch_bytes(std::size_t T) const noexcept { return own.scratch_bytes(T); }
  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const { return own.route(in, out, ws); }
};

}  // namespace

TEST_CASE("edits and records add no allocation to a warm step") {
  const Model model = Model::load(data_folder("biases"), {.backend = {.matmul = MatmulPath::kNative}}).value();
  const std::size_t V = model.config().vocab_size;
  const auto sink = std::make_shared<Counting>();
  Pathway pathway = Pathway(model).record(sink).value();
  for (std::size_t e = 0; e < model.config().num_experts; e += 2) {
    pathway = pathway.replace_expert({.layer = 1, .expert = e}, Negated{model.expert({1, e}).value()}).value();
  }
  const TopKOptions all{.num_experts = model.config().num_experts, .experts_per_token = model.config().num_experts};
  pathway = pathway.replace_router(0, TopK::create(all).value()).value();
  pathway = pathway.replace_router(1, NotRowLocal{model.router(1).value()}).value();
  Kernel kernel = Kernel::create({.threads = 2}).value();
  Context context = kernel.open(pathway, {.host_dependent = true}).value();
  Context other = kernel.open(model).value();
  REQUIRE(context.reserve(300).ok());
  REQUIRE(other.reserve(300).ok());
  std::vector<TokenId> tokens(40, 5);
  std::vector<float> out(2 * V);
  const auto step = [&](std::size_t rows) {
    std::array<Request, 2> requests = {
        Request{.context = &context, .tokens = std::span(tokens).first(rows), .logits = Rows(out.data(), 1, V)},
        Request{.context = &other, .tokens = std::span(tokens).first(1), .logits = Rows(out.data() + V, 1, V)}};
    const auto report = kernel.step(requests);
    return report.ok() && requests[0].status.ok() && requests[1].status.ok();
  };
  REQUIRE(step(40));
  for (int i = 0; i < 8; ++i) REQUIRE(step(1));
  const std::size_t before = sink->rows;
  count_ours = 0;
  counting = true;
  bool good = true;
  for (int i = 0; i < 40; ++i) good = step(1) && good;
  good = step(40) && good;
  counting = false;
  CHECK(good);
  CHECK(count_ours == 0);
  CHECK(sink->rows == before + 40 * 2 + 40 + 1);  // two layers, the last of them only where logits are wanted
}

TEST_CASE("a constraint adds no allocation to a warm step of a generation") {
  const Model model = Model::load(data_folder("biases"), {.backend = {.matmul = MatmulPath::kNative}}).value();
  const std::vector<TokenId> prompt(10, 5);
  const auto allocations = [&](std::shared_ptr<const TokenConstraint> constraint) {
    Kernel kernel = Kernel::create({.threads = 2, .executor = ExecutorKind::kSerial}).value();
    Context context = kernel.open(model).value();
    REQUIRE(context.reserve(300).ok());
    Generation answer = kernel.generate(context, prompt, {.ignore_end = true, .constraint = std::move(constraint)});
    for (int i = 0; i < 8; ++i) REQUIRE(kernel.step(answer).ok());
    count_ours = 0;
    counting = true;
    bool good = true;
    for (int i = 0; i < 40; ++i) good = kernel.step(answer).ok() && good;
    counting = false;
    CHECK(good);
    CHECK(answer.tokens().size() == 48);
    return count_ours.load();
  };
  const std::size_t plain = allocations(nullptr);
  CHECK(plain <= 3);  // the list of tokens grows
  CHECK(allocations(std::make_shared<ScriptConstraint>(
            ScriptConstraint::Rules{.script = std::vector<TokenId>(20, 7), .free_after = true})) == plain);
}
