// SPDX-License-Identifier: Apache-2.0
#include "kernel/generation_state.hpp"

#include <moxie/core/guard.hpp>

namespace moxie::inline abi1::kernel {

namespace {

constexpr std::string_view kWhere = "generation";

Status cancelled() noexcept { return Status(Code::kCancelled, kWhere, "the host to let it go on", "a cancel"); }

Result<Model> model_of(const Resources& resources, const Context& context) noexcept {
  const std::optional<Model> model = resources.model_of(context);
  if (model) return *model;
  return Status(Code::kInvalidArgument, "Kernel::generate", "a context that this kernel opened", "another");
}

}  // namespace

GenerationState::GenerationState(std::shared_ptr<KernelState> kernel, Resources& resources, std::uint64_t number,
                                 const GenerationOptions& options)
    : number_(number), kernel_(std::move(kernel)), resources_(resources), options_(options) {}

GenerationState::~GenerationState() { cancel(); }

Status GenerationState::start_tokens(Context& context, std::span<const TokenId> prompt) {
  MOXIE_TRY_LET(const Model model, model_of(resources_, context));
  MOXIE_TRY(start(model, context));
  return begin_prompt({prompt.begin(), prompt.end()});
}

Status GenerationState::start_text(Context& context, std::string_view prompt) {
  MOXIE_TRY_LET(const Model model, model_of(resources_, context));
  MOXIE_TRY(start(model, context));
  MOXIE_TRY(model.tokenizer().status());
  MOXIE_TRY_LET(std::vector<TokenId> tokens, model.tokenizer()->encode(prompt, {.add_special = context.size() == 0}));
  return begin_prompt(std::move(tokens));
}

Status GenerationState::start_model(const Model& model, std::string_view prompt) {
  ContextOptions context;
  if (model.config().max_position_embeddings > 0) context.max_positions = model.config().max_position_embeddings;
  MOXIE_TRY_LET(own_context_, resources_.open(Pathway(model), context));
  idle_.emplace(resources_.idle(), *own_context_);
  MOXIE_TRY(start(model, *own_context_));
  MOXIE_TRY(model.tokenizer().status());
  MOXIE_TRY_LET(std::vector<TokenId> tokens, model.tokenizer()->encode(prompt));
  return begin_prompt(std::move(tokens));
}

Status GenerationState::start_rounds(std::shared_ptr<Rounds> rounds, const Model& model, Context& context) {
  rounds_ = std::move(rounds);
  MOXIE_TRY(start(model, context));
  return begin_round();
}

Status GenerationState::start(const Model& model, Context& context) {
  MOXIE_TRY(text_.start(model, options_));
  return sequence_.start(model, context, options_, resources_);
}

Status GenerationState::begin_prompt(std::vector<TokenId> tokens) {
  MOXIE_TRY(sequence_.begin(std::move(tokens)));
  usage_.cached_tokens = sequence_.context().size();
  usage_.prompt_tokens = usage_.cached_tokens + sequence_.prompt_size();
  if (options_.max_tokens <= sequence_.tokens().size()) finish(StopReason::kMaxTokens, {});
  return {};
}

Status GenerationState::begin_round() {
  MOXIE_TRY_LET(Rounds::Prompt prompt, rounds_->begin_round());
  text_.begin_round(prompt.answer);
  last_time_.reset();
  return begin_prompt(std::move(prompt.tokens));
}

Request GenerationState::begin_step() noexcept {
  status_ = Status();  // whatever it was refused with
  if (!last_time_) last_time_ = std::chrono::steady_clock::now();
  return sequence_.request();
}

bool GenerationState::end_step(const Request& request) noexcept {
  if (finished()) return false;
  usage_.computed_tokens += request.done - sequence_.request().done;
  usage_.recomputed_tokens += request.recomputed;
  sequence_.advance_to(request.done);
  if (!request.status.ok()) {
    fail(request.status);
    return false;
  }
  return request.finished();
}

template <class Body>
void GenerationState::call(Body&& body) noexcept {
  calling_ = true;
  Status status = guarded(kWhere, body);
  calling_ = false;
  if (status.ok() && cancel_asked_) status = cancelled();
  if (!status.ok()) fail(std::move(status));
}

void GenerationState::ask_constraint() noexcept {
  if (finished() || sequence_.constraint() == nullptr) return;
  call([&]() -> Status {
    MOXIE_TRY(sequence_.ask_forced());
    return cancel_asked_ || !sequence_.forced().empty() ? Status() : sequence_.ask_allowed();
  });
}

void GenerationState::accept() noexcept {
  if (finished()) return;  // another's callback ended it
  if (chooses() && !sequence_.sample_status().ok()) return fail(sequence_.sample_status());
  mark_time(sequence_.round_tokens().empty());
  call([&] { return take_tokens(); });
}

Status GenerationState::take_tokens() {
  if (sequence_.forced().empty()) {
    MOXIE_TRY_LET(const bool goes_on, take(sequence_.sampled()));
    if (!goes_on) return {};
    MOXIE_TRY(sequence_.ask_forced());
  }
  for (std::size_t i = 0; i < sequence_.forced().size(); ++i) {
    MOXIE_TRY_LET(const bool goes_on, take(sequence_.forced()[i]));
    if (!goes_on) return {};
  }
  sequence_.go_on();
  return {};
}

Result<bool> GenerationState::take(TokenId id) {
  ++usage_.generated_tokens;
  const auto end = [this](StopReason reason) -> Result<bool> {
    MOXIE_TRY(end_round(reason));
    return false;
  };
  if (sequence_.is_end(id)) {
    MOXIE_TRY(sequence_.check_end());
    return cancel_asked_ ? false : end(StopReason::kEndToken);
  }
  MOXIE_TRY(sequence_.accept(id));
  if (cancel_asked_) return false;
  sequence_.keep(id);
  MOXIE_TRY(text_.take(id));
  if (text_.stopped_by_string()) return end(StopReason::kStopString);
  if (sequence_.tokens().size() >= options_.max_tokens) return end(StopReason::kMaxTokens);
  const Context& context = sequence_.context();
  if (context.size() + sequence_.unfed_tokens().size() > context.max_positions()) return end(StopReason::kContextFull);
  return true;
}

Status GenerationState::end_round(StopReason reason) {
  MOXIE_TRY(text_.flush());
  if (text_.stopped_by_string()) reason = StopReason::kStopString;  // it came out with the last character
  if (rounds_ == nullptr) {
    finish(reason, {});
    return {};
  }
  MOXIE_TRY_LET(const StopReason after, rounds_->end_round(*this, reason));
  if (cancel_asked_) return cancelled();
  if (after != StopReason::kNone) {
    finish(after, {});
    return {};
  }
  return begin_round();
}

void GenerationState::mark_time(bool prompt) noexcept {
  const auto now = std::chrono::steady_clock::now();
  if (last_time_) (prompt ? usage_.prompt_time : usage_.generation_time) += now - *last_time_;
  last_time_ = now;
}

void GenerationState::finish(StopReason reason, Status status) noexcept {
  if (finished()) return;
  reason_ = reason;
  status_ = std::move(status);
  if (rounds_ != nullptr) rounds_->close(status_.ok());
  sequence_.stop();
  if (idle_) idle_->join();
  text_.silence();
}

/// The text that was held back is still the model's.
void GenerationState::fail(Status status) noexcept {
  if (finished()) return;
  if (!sequence_.tokens().empty()) {
    const Status ignored = guarded(kWhere, [&]() -> Status { return text_.flush(); });
    static_cast<void>(ignored);  // the first failure is the one that counts
  }
  const StopReason reason = status.code() == Code::kCancelled  ? StopReason::kCancelled
                            : status.code() == Code::kDeadline ? StopReason::kDeadline
                                                               : StopReason::kError;
  finish(reason, std::move(status));
}

void GenerationState::cancel() noexcept {
  if (finished()) return;
  text_.silence();  // the host knows
  if (calling_) {
    cancel_asked_ = true;  // call() is still at work on it and ends it
  } else {
    fail(cancelled());
  }
}

void GenerationState::refuse(Status status) noexcept {
  if (!finished()) status_ = std::move(status);
}

}  // namespace moxie
