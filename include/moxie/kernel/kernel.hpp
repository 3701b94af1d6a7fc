// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <moxie/backend/executors.hpp>
#include <moxie/context/context.hpp>
#include <moxie/core/executor.hpp>
#include <moxie/core/phases.hpp>
#include <moxie/core/result.hpp>
#include <moxie/core/units.hpp>
#include <moxie/kernel/generation.hpp>
#include <moxie/kernel/request.hpp>

namespace moxie::inline abi1 {

class Chat;
class Model;
class Pathway;

struct KernelOptions {
  /// Threads that compute, the calling one included; 0: as many as the machine runs at once.
  std::size_t threads = 0;
  /// Limit for workspaces and the KV pages of all contexts together.
  std::uint64_t memory_bytes = 8ull << 30;
  /// Pays for all of that as well, so that one limit holds for several kernels, and for the weights of models that were
  /// loaded with the same LoadOptions::memory. Null: memory_bytes is the only limit. docs/design/023-one-budget.md has
  /// what is taken back, and in which order, before kBudget.
  std::shared_ptr<Budget> memory = {};
  /// Rows that one step computes at most: the longest piece of a prompt, and how long a cancel waits.
  std::size_t max_step_rows = 512;
  /// What carries the threads. Those of kThreads sleep between steps, and beside a busy neighbour they lose less than
  /// OpenMP's (docs/design/019 has figures).
  ExecutorKind executor = ExecutorKind::kThreads;
  /// The host's own pool instead, which the kernel, its chats and its generations share; `threads` and `executor` are
  /// not used then.
  std::shared_ptr<Executor> host_executor = {};
  /// How contexts keep keys and values. Narrower types hold more positions and round (docs/design/005 has figures).
  KvType kv_type = KvType::kF32;
  /// Told what steps spend their time on; null: no clock is read for it.
  std::shared_ptr<PhaseSink> phases = {};
  /// For tests: see KvPoolOptions.
  KvPoolOptions kv_pool = {};
};

/// What one step did.
struct StepReport {
  std::size_t rows = 0;        ///< tokens computed
  std::size_t recomputed = 0;  ///< those of them that were computed again, since memory had been short
  std::size_t sampled = 0;     ///< tokens chosen
  std::size_t unfinished = 0;  ///< requests or generations that want another step
  std::size_t waiting = 0;     ///< those of them that found no room in memory
};

/// Runs models for a host: forms batches from the requests of many contexts, and keeps to its memory.
///
///     MOXIE_TRY_LET(Kernel kernel, Kernel::create({.threads = 8, .memory_bytes = 24_GiB}));
///     for (std::string_view piece : kernel.generate(model, "The sky is")) std::cout << piece;
///
/// A host that wants the logits makes a Request for a context:
///
///     MOXIE_TRY_LET(Context context, kernel.open(model));
///     Request request{.context = &context, .tokens = prompt, .logits = Rows(out.data(), 1, vocab_size)};
///     while (!request.finished()) MOXIE_TRY(kernel.step({&request, 1}).status());
///
/// The bits of a row depend on its context's tokens and on nothing else: not on the other requests, on
/// max_rows, on the executor or its threads.
///
/// and one that has many answers to give hands them to step() together:
///
///     while (kernel.step(generations).value().unfinished > 0) for (Generation* g : generations) show(g->take());
///
/// Errors   create: kInvalidArgument, kNoThreads, kNoMemory, kUnsupported (an executor not in this build).
///          open: kBudget, kNoMemory. step: see there. generate: in the generation's status(). A kernel that was moved
///          from answers kPrecondition.
/// Threads  step() and open() by one thread at a time; a second step() meanwhile is kPrecondition and
///          changes nothing. A context in a step is not touched by others. Contexts, chats, generations and models
///          may outlive the kernel.
///
/// What a kernel has made ready for a model (workspaces, pages) goes with the model's last context, chat, generation
/// and handle, or with the kernel.
class MOXIE_API Kernel {
 public:
  static Result<Kernel> create(const KernelOptions& options = {}) noexcept;
  Kernel(Kernel&&) noexcept;
  Kernel& operator=(Kernel&&) noexcept;
  ~Kernel();

  /// A new, empty context for a model as it is, or for a pathway over it. The first context of a model
  /// makes its workspaces. Conversations with a model are Chat::create() (chat/chat.hpp).
  Result<Context> open(const Model& model, const ContextOptions& options = {}) noexcept;
  Result<Context> open(const Pathway& pathway, const ContextOptions& options = {}) noexcept;

  /// Goes on with a context: appends the prompt, then chooses tokens. An empty prompt goes on with what is there. A
  /// text is encoded by the checkpoint's tokenizer, control tokens included, and begins as the checkpoint's texts
  /// begin where the context is empty.
  Generation generate(Context& context, std::span<const TokenId> prompt,
                      const GenerationOptions& options = {}) noexcept;
  Generation generate(Context& context, std::string_view prompt, const GenerationOptions& options = {}) noexcept;
  /// In a context of its own.
  Generation generate(const Model& model, std::string_view prompt, const GenerationOptions& options = {}) noexcept;

  /// Computes one batch, whatever models it is for, until max_step_rows are full: first one token of each request that
  /// has one left, then the next tokens of the others, both in order. Allocates nothing where contexts have room
  /// (Context::reserve) and the libraries below do not.
  ///
  /// A request whose rows find no room in memory waits, its status ok; room goes to the earlier ones first, and pages
  /// of idle chats before anybody waits. Every call computes rows or gives a request its error: where nothing can go
  /// on, the last one that waits and has pages fails. Positions that the context lost to others are computed first.
  ///
  /// Errors   of the call: kPrecondition (another step is running). Everything else is told in
  ///          Request::status, and that request's context is as it was before the step; the others go on:
  ///          kInvalidArgument (a context that is another kernel's or in two requests, a token not in the
  ///          vocabulary), kShape (logits), kBudget (a limit of the context, or pages that cannot come), kNoMemory,
  ///          kUnsupported (a key or value that kv_type does not have), kCancelled, kDeadline, and what a router or an
  ///          expert said.
  Result<StepReport> step(std::span<Request> requests) noexcept;
  /// The same for one generation, or a range of them or of pointers to them: one token of each that is past its prompt,
  /// then pieces of prompts and of what a constraint forced, until max_step_rows are full; then tokens are chosen,
  /// texts made, constraints and callbacks called. Where not all fit in a step, they take turns. Finished ones are
  /// passed over.
  ///
  /// Where not all fit in memory, those begun first go on. The others wait; where nothing can run, the one begun last
  /// gives its context's pages back (the tokens stay), and they are computed again later, with the same bits. So all
  /// that would fit alone end, and the others get kBudget. docs/design/020-waiting-requests.md has the rules.
  ///
  /// Errors   of the call: kPrecondition, kNoMemory. Everything else is told in Generation::status().
  Result<StepReport> step(Generation& generation) noexcept;
  template <class R>
  requires std::convertible_to<R&, std::span<Generation>> || std::convertible_to<R&, std::span<Generation* const>>
      Result<StepReport> step(R&& generations)
  noexcept {
    if constexpr (std::convertible_to<R&, std::span<Generation>>) {
      return step_all(std::span<Generation>(generations));
    } else {
      return step_all(std::span<Generation* const>(generations));
    }
  }

  /// Workspaces and pages together. Null of a kernel that was moved from, like the executor.
  [[nodiscard]] std::shared_ptr<const Budget> memory() const noexcept;
  [[nodiscard]] std::shared_ptr<const Executor> executor() const noexcept;

 private:
  friend class Chat;
  explicit Kernel(std::shared_ptr<kernel::KernelState> state) noexcept;
  Result<StepReport> step_all(std::span<Generation> generations) noexcept;
  Result<StepReport> step_all(std::span<Generation* const> generations) noexcept;
  std::shared_ptr<kernel::KernelState> state_;
};

}  // namespace moxie
