// SPDX-License-Identifier: Apache-2.0
#include <moxie/kernel/kernel.hpp>

#include <algorithm>
#include <new>
#include <vector>

#include "kernel/program.hpp"
#include "kernel/step.hpp"

namespace moxie {

namespace {

/// More rows in one step than this only cost memory.
constexpr std::size_t kMostStepRows = 65536;

}  // namespace

class Kernel::State {
 public:
  State(const KernelOptions& options, std::unique_ptr<Executor> executor)
      : options_(options),
        made_executor_(std::move(executor)),
        executor_(options.host_executor != nullptr ? *options.host_executor : *made_executor_),
        budget_(Budget::create("kernel memory", options.memory_bytes)) {}

  [[nodiscard]] const KernelOptions& options() const noexcept { return options_; }
  [[nodiscard]] Executor& executor() const noexcept { return executor_; }
  [[nodiscard]] const Budget& budget() const noexcept { return *budget_; }

  Result<kernel::Program*> program_for(const Pathway& pathway) {
    for (const auto& program : programs_) {
      if (program->pathway().fingerprint() == pathway.fingerprint() &&
          &program->pathway().model().decoder() == &pathway.model().decoder()) {
        return program.get();
      }
    }
    MOXIE_TRY_LET(auto made,
                  kernel::Program::create(pathway, executor_, options_.max_step_rows, budget_, options_.kv_pool));
    programs_.push_back(std::move(made));
    return programs_.back().get();
  }

  Result<StepReport> step(std::span<Feed> feeds) noexcept {
    const Running running(running_);
    if (!running.alone()) {
      return Status(Code::kPrecondition, "Kernel::step", "one step at a time", "a second one");
    }
    for (std::size_t i = 0; i < feeds.size(); ++i) check(feeds, i);
    StepReport report;
    for (const auto& program : programs_) {
      MOXIE_TRY_LET(const std::size_t rows, kernel::Step(*program, feeds).run(options_.max_step_rows - report.rows));
      report.rows += rows;
      if (report.rows == options_.max_step_rows) break;
    }
    report.unfinished =
        static_cast<std::size_t>(std::ranges::count_if(feeds, [](const Feed& feed) { return !feed.finished(); }));
    return report;
  }

 private:
  /// Claims the kernel for one call.
  class Running {
   public:
    explicit Running(std::atomic<bool>& flag) noexcept : flag_(flag), alone_(!flag.exchange(true)) {}
    ~Running() {
      if (alone_) flag_.store(false);
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    [[nodiscard]] bool alone() const noexcept { return alone_; }

   private:
    std::atomic<bool>& flag_;
    bool alone_;
  };

  [[nodiscard]] const kernel::Program* program_of(const Context& context) const noexcept {
    const auto found = std::ranges::find_if(programs_, [&](const auto& p) { return p->pool() == context.pool(); });
    return found == programs_.end() ? nullptr : found->get();
  }

  /// Gives a feed that cannot be computed its error.
  void check(std::span<Feed> feeds, std::size_t index) const noexcept {
    Feed& feed = feeds[index];
    if (feed.finished()) return;
    if (kernel::is_cancelled(feed)) {
      feed.status = Status(Code::kCancelled, "Kernel::step", "the feed to go on",
                           Text("a cancel after ", feed.done, " of ", feed.tokens.size(), " tokens"));
      return;
    }
    feed.status = problem(feeds, index);
  }

  [[nodiscard]] Status problem(std::span<Feed> feeds, std::size_t index) const noexcept {
    constexpr std::string_view kWhere = "Kernel::step";
    const Feed& feed = feeds[index];
    if (feed.context == nullptr) return Status(Code::kInvalidArgument, kWhere, "a context for each feed", "null");
    const kernel::Program* program = program_of(*feed.context);
    if (program == nullptr) {
      return Status(Code::kInvalidArgument, kWhere, "a context that this kernel opened", "another");
    }
    for (std::size_t i = 0; i < index; ++i) {
      if (feeds[i].context == feed.context && !feeds[i].finished()) {
        return Status(Code::kInvalidArgument, kWhere, "each context in one feed",
                      Text("one in feeds ", i, " and ", index));
      }
    }
    const std::size_t V = program->vocab_size();
    if (feed.done > feed.tokens.size()) {
      return Status(Code::kInvalidArgument, kWhere, Text("done at most ", feed.tokens.size()), Text(feed.done));
    }
    for (std::size_t i = feed.done; i < feed.tokens.size(); ++i) {
      if (feed.tokens[i] < 0 || static_cast<std::size_t>(feed.tokens[i]) >= V) {
        return Status(Code::kInvalidArgument, kWhere, Text("tokens in [0, ", V, ")"),
                      Text(feed.tokens[i], " at index ", i));
      }
    }
    const std::size_t rows = feed.want == Logits::kNone ? 0 : feed.want == Logits::kLast ? 1 : feed.tokens.size();
    if (rows != 0 && (feed.logits.rows != rows || feed.logits.width != V || feed.logits.stride < V)) {
      return Status(Code::kShape, kWhere, Text("logits of [", rows, ", ", V, "]"),
                    Text("[", feed.logits.rows, ", ", feed.logits.width, "]"));
    }
    return {};
  }

  KernelOptions options_;
  std::unique_ptr<Executor> made_executor_;
  Executor& executor_;
  std::shared_ptr<Budget> budget_;
  std::vector<std::unique_ptr<kernel::Program>> programs_;
  std::atomic<bool> running_{false};
};

Kernel::Kernel(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Kernel::Kernel(Kernel&&) noexcept = default;
Kernel& Kernel::operator=(Kernel&&) noexcept = default;
Kernel::~Kernel() = default;

Result<Kernel> Kernel::create(const KernelOptions& options) noexcept try {
  if (options.max_step_rows == 0 || options.max_step_rows > kMostStepRows) {
    return Status(Code::kInvalidArgument, "Kernel::create", Text("max_step_rows in [1, ", kMostStepRows, "]"),
                  Text(options.max_step_rows));
  }
  std::unique_ptr<Executor> executor;
  if (options.host_executor == nullptr) {
    const ExecutorKind best =
        executor_available(ExecutorKind::kOpenMp) ? ExecutorKind::kOpenMp : ExecutorKind::kThreads;
    MOXIE_TRY_LET(executor, make_executor(options.executor.value_or(best), options.threads));
  }
  return Kernel(std::make_unique<State>(options, std::move(executor)));
} catch (const std::bad_alloc&) {
  return Status(Code::kNoMemory, "Kernel::create", "memory for a kernel", "a refusal from the system");
}

Result<Context> Kernel::open(const Model& model, const ContextOptions& options) noexcept {
  return open(Pathway(model), options);
}

Result<Context> Kernel::open(const Pathway& pathway, const ContextOptions& options) noexcept try {
  MOXIE_TRY_LET(kernel::Program* const program, state_->program_for(pathway));
  ContextOptions bound = options;
  bound.program = pathway.fingerprint();
  return Context::create(program->pool(), bound);
} catch (const std::bad_alloc&) {
  return Status(Code::kNoMemory, "Kernel::open", "memory for workspaces", "a refusal from the system");
}

Result<StepReport> Kernel::step(std::span<Feed> feeds) noexcept { return state_->step(feeds); }
const Budget& Kernel::memory() const noexcept { return state_->budget(); }
const Executor& Kernel::executor() const noexcept { return state_->executor(); }
const KernelOptions& Kernel::options() const noexcept { return state_->options(); }

}  // namespace moxie
