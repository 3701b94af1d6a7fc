// SPDX-License-Identifier: Apache-2.0
#include "kernel/kernel_state.hpp"

#include <algorithm>

#include "kernel/generation_state.hpp"
#include "kernel/step.hpp"

namespace moxie::inline abi1::kernel {

/// Claims the kernel for one call.
class KernelState::Running {
 public:
  explicit Running(std::atomic<bool>& flag) noexcept : flag_(flag), alone_(!flag.exchange(true)) {}
  ~Running() {
    if (alone_) flag_.store(false);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  [[nodiscard]] Status status() const noexcept {
    return alone_ ? Status() : Status(Code::kPrecondition, "Kernel::step", "one step at a time", "a second one");
  }

 private:
  std::atomic<bool>& flag_;
  bool alone_;
};

KernelState::KernelState(const KernelOptions& options, std::unique_ptr<Executor> executor)
    : options_(options),
      made_executor_(std::move(executor)),
      executor_(options.host_executor != nullptr ? *options.host_executor : *made_executor_),
      budget_(Budget::create("kernel memory", options.memory_bytes)) {}

Result<Runner*> KernelState::runner_for(const Pathway& pathway) {
  for (const auto& runner : runners_) {
    if (runner->pathway().hash() == pathway.hash() &&
        &runner->pathway().model().decoder() == &pathway.model().decoder()) {
      return runner.get();
    }
  }
  MOXIE_TRY_LET(auto made, Runner::create(pathway, executor_, options_, budget_));
  runners_.push_back(std::move(made));
  return runners_.back().get();
}

Result<Context> KernelState::open(const Pathway& pathway, const ContextOptions& options) {
  MOXIE_TRY_LET(Runner* const runner, runner_for(pathway));
  ContextOptions bound = options;
  bound.pathway_hash = pathway.hash();
  return Context::create(runner->pool(), bound);
}

const Runner* KernelState::runner_of(const Context& context) const noexcept {
  const auto found = std::ranges::find_if(runners_, [&](const auto& p) { return p->pool() == context.pool(); });
  return found == runners_.end() ? nullptr : found->get();
}

Status KernelState::reserve_sampling(std::size_t bytes) {
  sampling_memory_.resize(executor_.width());
  for (AlignedBuffer& memory : sampling_memory_) {
    if (memory.size() >= bytes) continue;
    memory = AlignedBuffer();  // gives its bytes back before it takes more
    MOXIE_TRY_LET(memory, AlignedBuffer::create(bytes, budget_.get()));
  }
  return {};
}

Result<StepReport> KernelState::step(std::span<Request> requests) noexcept {
  const Running running(running_);
  MOXIE_TRY(running.status());
  return step_requests(requests);
}

Result<StepReport> KernelState::step(std::span<Generation* const> generations) {
  const Running running(running_);
  MOXIE_TRY(running.status());
  asked_.clear();
  for (const Generation* generation : generations) {
    if (generation != nullptr && generation->state_ != nullptr) asked_.push_back(generation->state_.get());
  }
  return step_batch();
}

Result<StepReport> KernelState::step(std::span<Generation> generations) {
  const Running running(running_);
  MOXIE_TRY(running.status());
  asked_.clear();
  for (const Generation& generation : generations) {
    if (generation.state_ != nullptr) asked_.push_back(generation.state_.get());
  }
  return step_batch();
}

Result<StepReport> KernelState::step(GenerationState& generation) {
  const Running running(running_);
  MOXIE_TRY(running.status());
  asked_.assign(1, &generation);
  return step_batch();
}

Result<StepReport> KernelState::step_requests(std::span<Request> requests) noexcept {
  for (std::size_t i = 0; i < requests.size(); ++i) check(requests, i);
  StepReport report;
  for (const auto& runner : runners_) {
    MOXIE_TRY_LET(const std::size_t rows, Step(*runner, requests).run(options_.max_step_rows - report.rows));
    report.rows += rows;
    if (report.rows == options_.max_step_rows) break;
  }
  report.unfinished = static_cast<std::size_t>(
      std::ranges::count_if(requests, [](const Request& request) { return !request.finished(); }));
  return report;
}

/// One step of `asked_`.
Result<StepReport> KernelState::step_batch() {
  std::erase_if(asked_, [](const GenerationState* g) { return g->finished(); });
  std::ranges::sort(asked_);  // by address, to find those that are there twice
  asked_.erase(std::unique(asked_.begin(), asked_.end()), asked_.end());
  // By age, so that turns do not depend on addresses; whoever is past its prompt goes first, for it has one row.
  std::ranges::sort(asked_, {}, &GenerationState::number);
  if (!asked_.empty()) {
    const auto first = static_cast<std::ptrdiff_t>(turn_++ % asked_.size());
    std::rotate(asked_.begin(), asked_.begin() + first, asked_.end());
  }
  batch_.clear();
  for (const bool single : {true, false}) {
    std::ranges::copy_if(asked_, std::back_inserter(batch_),
                         [single](const GenerationState* g) { return (g->rows_left() == 1) == single; });
  }
  requests_.clear();
  due_.reserve(batch_.size());
  due_.clear();
  for (GenerationState* generation : batch_) requests_.push_back(generation->begin_step());
  MOXIE_TRY_LET(StepReport report, step_requests(requests_));
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    if (batch_[i]->end_step(requests_[i])) due_.push_back(batch_[i]);
  }
  sample_due();
  report.sampled = due_.size();
  for (GenerationState* generation : due_) generation->accept();
  report.unfinished =
      static_cast<std::size_t>(std::ranges::count_if(batch_, [](const auto* g) { return !g->finished(); }));
  return report;
}

void KernelState::sample_due() noexcept {
  const auto sample = [this](std::size_t i, std::size_t worker) noexcept {
    Workspace workspace(sampling_memory_[worker].bytes());
    due_[i]->sample(workspace);
  };
  if (due_.empty()) return;
  if (due_.size() == 1) return sample(0, 0);
  const Status ran = executor_.run(due_.size(), sample);
  if (ran.ok()) return;
  for (GenerationState* generation : due_) generation->cannot_sample(ran);
}

/// Gives a request that cannot be computed its error.
void KernelState::check(std::span<Request> requests, std::size_t index) const noexcept {
  Request& request = requests[index];
  if (request.finished()) return;
  request.status = stopped(request);
  if (request.status.ok()) request.status = problem(requests, index);
}

Status KernelState::problem(std::span<Request> requests, std::size_t index) const noexcept {
  constexpr std::string_view kWhere = "Kernel::step";
  const Request& request = requests[index];
  if (request.context == nullptr) return Status(Code::kInvalidArgument, kWhere, "a context for each request", "null");
  const Runner* runner = runner_of(*request.context);
  if (runner == nullptr) {
    return Status(Code::kInvalidArgument, kWhere, "a context that this kernel opened", "another");
  }
  for (std::size_t i = 0; i < index; ++i) {
    if (requests[i].context == request.context && !requests[i].finished()) {
      return Status(Code::kInvalidArgument, kWhere, "each context in one request",
                    Text("one in requests ", i, " and ", index));
    }
  }
  const std::size_t V = runner->vocab_size();
  if (request.done > request.tokens.size()) {
    return Status(Code::kInvalidArgument, kWhere, Text("done at most ", request.tokens.size()), Text(request.done));
  }
  for (std::size_t i = request.done; i < request.tokens.size(); ++i) {
    if (request.tokens[i] < 0 || static_cast<std::size_t>(request.tokens[i]) >= V) {
      return Status(Code::kInvalidArgument, kWhere, Text("tokens in [0, ", V, ")"),
                    Text(request.tokens[i], " at index ", i));
    }
  }
  const std::size_t rows = request.want == Logits::kNone   ? 0
                           : request.want == Logits::kLast ? 1
                                                           : request.tokens.size();
  if (rows != 0 && (request.logits.rows != rows || request.logits.width != V || request.logits.stride < V)) {
    return Status(Code::kShape, kWhere, Text("logits of [", rows, ", ", V, "]"),
                  Text("[", request.logits.rows, ", ", request.logits.width, "]"));
  }
  return {};
}

}  // namespace moxie::kernel
