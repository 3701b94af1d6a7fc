// SPDX-License-Identifier: Apache-2.0
#include <moxie/kernel/kernel.hpp>

#include <moxie/core/guard.hpp>
#include <moxie/model/pathway.hpp>

#include "kernel/kernel_state.hpp"

namespace moxie::inline abi1 {

namespace {

/// More rows in one step than this only cost memory.
constexpr std::size_t kMaxStepRows = 65536;

Status moved_from(std::string_view where) noexcept {
  return Status(Code::kPrecondition, where, "a kernel", "one that was moved from");
}

}  // namespace

Kernel::Kernel(std::shared_ptr<kernel::KernelState> state) noexcept : state_(std::move(state)) {}
Kernel::Kernel(Kernel&&) noexcept = default;
Kernel& Kernel::operator=(Kernel&&) noexcept = default;
Kernel::~Kernel() = default;

Result<Kernel> Kernel::create(const KernelOptions& options) noexcept {
  if (options.max_step_rows == 0 || options.max_step_rows > kMaxStepRows) {
    return Status(Code::kInvalidArgument, "Kernel::create", Text("max_step_rows in [1, ", kMaxStepRows, "]"),
                  Text(options.max_step_rows));
  }
  std::shared_ptr<kernel::KernelState> state;
  MOXIE_TRY(guarded("Kernel::create", [&]() -> Status {
    std::shared_ptr<Executor> executor = options.host_executor;
    if (executor == nullptr) {
      MOXIE_TRY_LET(executor, make_executor(options.executor, options.threads));
    }
    state = std::make_shared<kernel::KernelState>(options, std::move(executor));
    return {};
  }));
  return Kernel(std::move(state));
}

Result<Context> Kernel::open(const Model& model, const ContextOptions& options) noexcept {
  return open(Pathway(model), options);
}

Result<Context> Kernel::open(const Pathway& pathway, const ContextOptions& options) noexcept {
  if (state_ == nullptr) return moved_from("Kernel::open");
  std::optional<Context> context;
  MOXIE_TRY(guarded("Kernel::open", [&]() -> Status {
    MOXIE_TRY_LET(context, state_->resources().open(pathway, options));
    return {};
  }));
  return *std::move(context);
}

Generation Kernel::generate(Context& context, std::span<const TokenId> prompt,
                            const GenerationOptions& options) noexcept {
  if (state_ == nullptr) return Generation(Code::kPrecondition);
  return state_->make(options, [&](kernel::GenerationState& state) { return state.start_tokens(context, prompt); });
}

Generation Kernel::generate(Context& context, std::string_view prompt, const GenerationOptions& options) noexcept {
  if (state_ == nullptr) return Generation(Code::kPrecondition);
  return state_->make(options, [&](kernel::GenerationState& state) { return state.start_text(context, prompt); });
}

Generation Kernel::generate(const Model& model, std::string_view prompt, const GenerationOptions& options) noexcept {
  if (state_ == nullptr) return Generation(Code::kPrecondition);
  return state_->make(options, [&](kernel::GenerationState& state) { return state.start_model(model, prompt); });
}

// A callback may destroy this handle, so each step holds the state by itself.

Result<StepReport> Kernel::step(std::span<Request> requests) noexcept {
  const std::shared_ptr<kernel::KernelState> state = state_;
  return state == nullptr ? moved_from("Kernel::step") : state->step(requests);
}

Result<StepReport> Kernel::step_all(std::span<Generation* const> generations) noexcept {
  const std::shared_ptr<kernel::KernelState> state = state_;
  return state == nullptr ? moved_from("Kernel::step") : state->step(generations);
}

Result<StepReport> Kernel::step_all(std::span<Generation> generations) noexcept {
  const std::shared_ptr<kernel::KernelState> state = state_;
  return state == nullptr ? moved_from("Kernel::step") : state->step(generations);
}

Result<StepReport> Kernel::step(Generation& generation) noexcept {
  Generation* const one = &generation;
  return step_all(std::span<Generation* const>(&one, 1));
}

std::shared_ptr<const Budget> Kernel::memory() const noexcept {
  return state_ == nullptr ? nullptr : state_->resources().budget();
}
std::shared_ptr<const Executor> Kernel::executor() const noexcept {
  return state_ == nullptr ? nullptr : state_->resources().executor();
}

}  // namespace moxie
