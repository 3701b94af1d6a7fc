// SPDX-License-Identifier: Apache-2.0
#include <moxie/kernel/kernel.hpp>

#include <new>

#include "kernel/chat_state.hpp"
#include "kernel/generation_state.hpp"
#include "kernel/kernel_state.hpp"

namespace moxie::inline abi1 {

namespace {

/// More rows in one step than this only cost memory.
constexpr std::size_t kMaxStepRows = 65536;

Status no_memory(std::string_view where, std::string_view what) noexcept {
  return Status(Code::kNoMemory, where, Text("memory for ", what), "a refusal from the system");
}

}  // namespace

Kernel::Kernel(std::shared_ptr<kernel::KernelState> state) noexcept : state_(std::move(state)) {}
Kernel::Kernel(Kernel&&) noexcept = default;
Kernel& Kernel::operator=(Kernel&&) noexcept = default;
Kernel::~Kernel() = default;

Result<Kernel> Kernel::create(const KernelOptions& options) noexcept try {
  if (options.max_step_rows == 0 || options.max_step_rows > kMaxStepRows) {
    return Status(Code::kInvalidArgument, "Kernel::create", Text("max_step_rows in [1, ", kMaxStepRows, "]"),
                  Text(options.max_step_rows));
  }
  std::unique_ptr<Executor> executor;
  if (options.host_executor == nullptr) {
    const ExecutorKind best =
        executor_available(ExecutorKind::kOpenMp) ? ExecutorKind::kOpenMp : ExecutorKind::kThreads;
    MOXIE_TRY_LET(executor, make_executor(options.executor.value_or(best), options.threads));
  }
  return Kernel(std::make_shared<kernel::KernelState>(options, std::move(executor)));
} catch (const std::bad_alloc&) {
  return no_memory("Kernel::create", "a kernel");
}

Result<Context> Kernel::open(const Model& model, const ContextOptions& options) noexcept {
  return open(Pathway(model), options);
}

Result<Context> Kernel::open(const Pathway& pathway, const ContextOptions& options) noexcept try {
  return state_->open(pathway, options);
} catch (const std::bad_alloc&) {
  return no_memory("Kernel::open", "workspaces");
}

Result<Chat> Kernel::chat(const Model& model, const ChatOptions& options) noexcept {
  return chat(Pathway(model), options);
}

Result<Chat> Kernel::chat(const Pathway& pathway, const ChatOptions& options) noexcept try {
  MOXIE_TRY_LET(auto state, kernel::ChatState::create(state_, pathway, options));
  return Chat(std::move(state));
} catch (const std::bad_alloc&) {
  return no_memory("Kernel::chat", "a conversation");
}

Generation Kernel::generate(Context& context, std::span<const TokenId> prompt,
                            const GenerationOptions& options) noexcept {
  return kernel::GenerationState::of_tokens(state_, context, prompt, options);
}

Generation Kernel::generate(Context& context, std::string_view prompt, const GenerationOptions& options) noexcept {
  return kernel::GenerationState::of_text(state_, context, prompt, options);
}

Generation Kernel::generate(const Model& model, std::string_view prompt, const GenerationOptions& options) noexcept {
  return kernel::GenerationState::of_model(state_, model, prompt, options);
}

Result<StepReport> Kernel::step(std::span<Request> requests) noexcept { return state_->step(requests); }

Result<StepReport> Kernel::step_all(std::span<Generation* const> generations) noexcept try {
  return state_->step(generations);
} catch (const std::bad_alloc&) {
  return no_memory("Kernel::step", "a list of generations");
}

Result<StepReport> Kernel::step_all(std::span<Generation> generations) noexcept try {
  return state_->step(generations);
} catch (const std::bad_alloc&) {
  return no_memory("Kernel::step", "a list of generations");
}

Result<StepReport> Kernel::step(Generation& generation) noexcept {
  Generation* const one = &generation;
  return step_all(std::span<Generation* const>(&one, 1));
}

const Budget& Kernel::memory() const noexcept { return state_->budget(); }
const Executor& Kernel::executor() const noexcept { return state_->executor(); }
const KernelOptions& Kernel::options() const noexcept { return state_->options(); }

}  // namespace moxie
