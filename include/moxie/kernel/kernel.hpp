// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <moxie/backend/executors.hpp>
#include <moxie/context/context.hpp>
#include <moxie/core/executor.hpp>
#include <moxie/core/result.hpp>
#include <moxie/core/units.hpp>
#include <moxie/kernel/chat.hpp>
#include <moxie/kernel/generation.hpp>
#include <moxie/model/model.hpp>
#include <moxie/model/pathway.hpp>

namespace moxie::inline abi1 {

struct KernelOptions {
  /// Threads that compute, the calling one included; 0: as many as the machine runs at once.
  std::size_t threads = 0;
  /// Limit for workspaces and the KV pages of all contexts together. Weights belong to the Model.
  std::uint64_t memory_bytes = 8ull << 30;
  /// Rows that one step computes at most: the longest piece of a prompt, and how long a cancel waits.
  std::size_t max_step_rows = 512;
  /// None: OpenMP where the build has it, else threads.
  std::optional<ExecutorKind> executor = {};
  /// The host's own pool instead; it must outlive the kernel. `threads` and `executor` are not used then.
  Executor* host_executor = nullptr;
  /// How contexts keep keys and values. Narrower types hold more positions and round (docs/design/005 has figures).
  KvType kv_type = KvType::kF32;
  /// For tests: see KvPoolOptions.
  KvPoolOptions kv_pool = {};
};

/// Which rows of a request give logits.
enum class Logits : std::uint8_t {
  kNone,
  kLast,  ///< of the last token
  kAll,
};

/// Tokens for one context, and where their logits go. The host keeps it until it is done, handing it to
/// step() as often as that takes; what it points to stays the host's.
struct Request {
  Context* context = nullptr;
  std::span<const TokenId> tokens = {};
  Logits want = Logits::kLast;
  Rows logits = {};                           ///< [1, V] for kLast, [tokens.size(), V] for kAll
  const std::atomic<bool>* cancel = nullptr;  ///< true: stop; looked at before, in and after a step
  std::size_t max_rows = SIZE_MAX;            ///< rows of one step at most: where a prompt is cut
  /// Looked at where `cancel` is; then it stops with kDeadline.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();

  std::size_t done = 0;  ///< tokens that are in the context now
  Status status = {};    ///< why it stopped; ok while it goes on or when it is done

  [[nodiscard]] bool finished() const noexcept { return !status.ok() || done == tokens.size(); }
};

/// What one step did.
struct StepReport {
  std::size_t rows = 0;        ///< tokens computed
  std::size_t sampled = 0;     ///< tokens chosen
  std::size_t unfinished = 0;  ///< requests or generations that want another step
};

/// Runs models for a host: forms batches from what contexts are fed, and keeps to its memory.
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
///          open: kBudget, kNoMemory. chat: those of open, of Model::tokenizer() and of Model::chat_template().
///          step: see there. generate: in the generation's status().
/// Threads  step() and open() by one thread at a time; a second step() meanwhile is kPrecondition and
///          changes nothing. A context that is being fed is not touched by others. Contexts, chats,
///          generations and models may outlive the kernel.
class MOXIE_API Kernel {
 public:
  static Result<Kernel> create(const KernelOptions& options = {}) noexcept;
  Kernel(Kernel&&) noexcept;
  Kernel& operator=(Kernel&&) noexcept;
  ~Kernel();

  /// A new, empty context for a model as it is, or for a pathway over it. The first context of a model
  /// makes its workspaces.
  Result<Context> open(const Model& model, const ContextOptions& options = {}) noexcept;
  Result<Context> open(const Pathway& pathway, const ContextOptions& options = {}) noexcept;

  /// A conversation with a model, by its own chat template.
  Result<Chat> chat(const Model& model, const ChatOptions& options = {}) noexcept;
  Result<Chat> chat(const Pathway& pathway, const ChatOptions& options = {}) noexcept;

  /// Goes on with a context: appends the prompt, then chooses tokens. An empty prompt goes on with what is there. A
  /// text is encoded by the checkpoint's tokenizer, control tokens included, and begins as the checkpoint's texts
  /// begin where the context is empty.
  Generation generate(Context& context, std::span<const TokenId> prompt,
                      const GenerationOptions& options = {}) noexcept;
  Generation generate(Context& context, std::string_view prompt, const GenerationOptions& options = {}) noexcept;
  /// In a context of its own.
  Generation generate(const Model& model, std::string_view prompt, const GenerationOptions& options = {}) noexcept;

  /// Computes one batch: the next tokens of each unfinished request, in order, until max_step_rows are full.
  /// Allocates nothing where contexts have room (Context::reserve) and the libraries below do not.
  ///
  /// Errors   of the call: kPrecondition (another step is running). Everything else is told in
  ///          Request::status, and that request's context is as it was before the step; the others go on:
  ///          kInvalidArgument (a context not of this kernel or fed twice, a token not in the
  ///          vocabulary), kShape (logits), kBudget and kNoMemory (pages), kUnsupported (a key or value that
  ///          kv_type does not have), kCancelled, and what a router or an expert said.
  Result<StepReport> step(std::span<Request> requests) noexcept;
  /// The same for one generation, or a range of them or of pointers to them: one token of each that is past its prompt,
  /// then pieces of prompts, until max_step_rows are full; then tokens are chosen, texts made, callbacks called. Where
  /// not all fit, they take turns. Finished ones are passed over.
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

  /// Workspaces and pages together.
  [[nodiscard]] const Budget& memory() const noexcept;
  [[nodiscard]] const Executor& executor() const noexcept;
  [[nodiscard]] const KernelOptions& options() const noexcept;

 private:
  explicit Kernel(std::shared_ptr<kernel::KernelState> state) noexcept;
  Result<StepReport> step_all(std::span<Generation> generations) noexcept;
  Result<StepReport> step_all(std::span<Generation* const> generations) noexcept;
  std::shared_ptr<kernel::KernelState> state_;
};

}  // namespace moxie
