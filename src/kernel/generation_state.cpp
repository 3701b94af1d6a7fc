// SPDX-License-Identifier: Apache-2.0
#include "kernel/generation_state.hpp"

#include <algorithm>
#include <array>
#include <new>

#include <moxie/core/guard.hpp>

#include "kernel/chat_state.hpp"
#include "kernel/kernel_state.hpp"

namespace moxie::inline abi1::kernel {

namespace {

constexpr std::string_view kWhere = "generation";

Status cancelled(std::string_view by) noexcept {
  return Status(Code::kCancelled, kWhere, "the host to let it go on", by);
}

/// Control tokens that are part of an answer: what AnswerStream looks for.
constexpr std::array<std::string_view, 7> kMarkers = {"<think>",        "</think>",     "<tool_call>", "</tool_call>",
                                                      "<|python_tag|>", "[TOOL_CALLS]", "[ARGS]"};

}  // namespace

GenerationState::GenerationState(std::shared_ptr<KernelState> kernel, const GenerationOptions& options)
    : number_(kernel->next_number()), kernel_(std::move(kernel)), options_(options), stops_(options.stop) {}

GenerationState::~GenerationState() { cancel(); }

template <class Start>
Generation GenerationState::make(std::shared_ptr<KernelState> kernel, const GenerationOptions& options,
                                 Start&& start) noexcept {
  std::unique_ptr<GenerationState> state;
  const Status made = guarded(kWhere, [&]() -> Status {
    state = std::make_unique<GenerationState>(std::move(kernel), options);
    return {};
  });
  if (!made.ok()) return Generation(nullptr);
  Status started = guarded(kWhere, [&]() -> Status { return start(*state); });
  if (!started.ok()) state->fail(std::move(started));
  return Generation(std::move(state));
}

Generation GenerationState::of_tokens(std::shared_ptr<KernelState> kernel, Context& context,
                                      std::span<const TokenId> prompt, const GenerationOptions& options) noexcept {
  return make(std::move(kernel), options, [&](GenerationState& state) -> Status {
    const Runner* runner = state.kernel_->runner_of(context);
    if (runner == nullptr) {
      return Status(Code::kInvalidArgument, "Kernel::generate", "a context that this kernel opened", "another");
    }
    MOXIE_TRY(state.start(runner->pathway().model(), context));
    return state.begin_prompt({prompt.begin(), prompt.end()});
  });
}

Generation GenerationState::of_text(std::shared_ptr<KernelState> kernel, Context& context, std::string_view prompt,
                                    const GenerationOptions& options) noexcept {
  return make(std::move(kernel), options, [&](GenerationState& state) -> Status {
    const Runner* runner = state.kernel_->runner_of(context);
    if (runner == nullptr) {
      return Status(Code::kInvalidArgument, "Kernel::generate", "a context that this kernel opened", "another");
    }
    MOXIE_TRY(state.start(runner->pathway().model(), context));
    const Result<Tokenizer>& tokenizer = runner->pathway().model().tokenizer();
    MOXIE_TRY(tokenizer.status());
    MOXIE_TRY_LET(std::vector<TokenId> tokens, tokenizer->encode(prompt, {.add_special = context.size() == 0}));
    return state.begin_prompt(std::move(tokens));
  });
}

Generation GenerationState::of_model(std::shared_ptr<KernelState> kernel, const Model& model, std::string_view prompt,
                                     const GenerationOptions& options) noexcept {
  return make(std::move(kernel), options, [&](GenerationState& state) -> Status {
    ContextOptions context;
    if (model.config().max_position_embeddings > 0) context.max_positions = model.config().max_position_embeddings;
    MOXIE_TRY_LET(state.own_context_, state.kernel_->open(Pathway(model), context));
    MOXIE_TRY(state.start(model, *state.own_context_));
    MOXIE_TRY(model.tokenizer().status());
    MOXIE_TRY_LET(std::vector<TokenId> tokens, model.tokenizer()->encode(prompt));
    return state.begin_prompt(std::move(tokens));
  });
}

Generation GenerationState::of_chat(std::shared_ptr<KernelState> kernel, std::shared_ptr<ChatState> chat,
                                    std::optional<std::string_view> question,
                                    const GenerationOptions& options) noexcept {
  return make(std::move(kernel), options, [&](GenerationState& state) -> Status {
    MOXIE_TRY(chat->open_turn(question));
    state.chat_ = std::move(chat);  // from here on, finish() closes the turn
    MOXIE_TRY(state.start(state.chat_->model(), state.chat_->context()));
    return state.begin_chat_round();
  });
}

Status GenerationState::start(const Model& model, Context& context) {
  for (const std::string& stop : options_.stop) {
    if (stop.empty()) return Status(Code::kInvalidArgument, kWhere, "stop strings of a byte or more", "an empty one");
  }
  const std::size_t V = model.config().vocab_size;
  MOXIE_TRY_LET(sampler_, Sampler::create(options_.sampling, V));
  MOXIE_TRY(kernel_->reserve_sampling(sampler_->scratch_bytes()));
  MOXIE_TRY_LET(logits_, AlignedBuffer::create(V * sizeof(float), &kernel_->budget()));
  top_.resize(options_.sampling.logprobs.value_or(0));
  if (!options_.ignore_end) {
    MOXIE_TRY(model.end_tokens().status());
    end_tokens_ = *model.end_tokens();
  }
  end_tokens_.insert(end_tokens_.end(), options_.end_tokens.begin(), options_.end_tokens.end());
  if (model.tokenizer().ok()) {
    tokenizer_ = *model.tokenizer();
    MOXIE_TRY_LET(decode_, tokenizer_->stream());
  } else if (!options_.stop.empty()) {
    return model.tokenizer().status();
  }
  context_ = &context;
  request_ = {.context = &context,
              .logits = Rows(logits_.as<float>().data(), 1, V),
              .cancel = options_.cancel,
              .max_rows = std::max<std::size_t>(options_.max_step_rows, 1)};
  if (options_.deadline) request_.deadline = *options_.deadline;
  return {};
}

/// Whoever has nothing to say goes on from the last token that is there.
Status GenerationState::begin_prompt(std::vector<TokenId> tokens) {
  if (tokens.empty()) {
    if (context_->size() == 0) {
      return Status(Code::kInvalidArgument, kWhere, "a prompt of at least one token", "none");
    }
    tokens.assign(1, context_->tokens().back());
    MOXIE_TRY(context_->truncate(context_->size() - 1));
  }
  const std::size_t room = context_->max_positions() - context_->size();
  if (tokens.size() > room) {
    return Status(Code::kBudget, kWhere,
                  Text("a prompt within the ", context_->max_positions(), " positions of its context"),
                  Text(tokens.size(), " tokens after ", context_->size()));
  }
  usage_.cached_tokens = context_->size();
  usage_.prompt_tokens = context_->size() + tokens.size();
  prompt_ = std::move(tokens);
  request_.tokens = prompt_;
  request_.done = 0;
  if (options_.max_tokens <= tokens_.size()) finish(StopReason::kMaxTokens, {});
  return {};
}

Status GenerationState::begin_chat_round() {
  MOXIE_TRY_LET(ChatState::Prompt prompt, chat_->begin_round());
  round_text_ = text_.size();
  round_reasoning_ = reasoning_.size();
  round_tokens_ = tokens_.size();
  ended_by_token_ = false;
  calls_.clear();
  malformed_.clear();
  answer_.emplace(prompt.answer);
  stops_ = StopStrings(options_.stop);
  last_time_.reset();
  return begin_prompt(std::move(prompt.tokens));
}

Request GenerationState::begin_step() noexcept {
  if (!last_time_) last_time_ = std::chrono::steady_clock::now();
  return request_;
}

bool GenerationState::end_step(const Request& request) noexcept {
  usage_.computed_tokens += request.done - request_.done;
  request_.done = request.done;
  if (!request.status.ok()) {
    fail(request.status);
    return false;
  }
  return request.finished();
}

void GenerationState::sample(Workspace& workspace) noexcept {
  const auto sampled = sampler_->sample(logits_.as<float>(), context_->tokens(), workspace, top_);
  sample_status_ = sampled.status();
  if (sampled.ok()) sampled_ = *sampled;
}

void GenerationState::accept() noexcept {
  if (!sample_status_.ok()) return fail(sample_status_);
  mark_time(tokens_.size() == round_tokens_);
  ++usage_.generated_tokens;
  Status status = guarded(kWhere, [&]() -> Status { return take_token(sampled_.token); });
  if (!status.ok()) fail(std::move(status));
}

Status GenerationState::take_token(TokenId id) {
  if (std::ranges::find(end_tokens_, id) != end_tokens_.end()) {
    ended_by_token_ = true;
    return end_round(StopReason::kEndToken);
  }
  tokens_.push_back(id);
  if (options_.sampling.logprobs) {
    logprobs_.push_back({id, sampled_.logprob});
    top_.resize(*options_.sampling.logprobs);
    std::fill(top_.begin() + static_cast<std::ptrdiff_t>(sampled_.n_top), top_.end(), TokenLogprob{-1, 0});
    top_logprobs_.insert(top_logprobs_.end(), top_.begin(), top_.end());
  }
  if (shows(id)) {
    MOXIE_TRY_LET(const std::string_view piece, decode_->push(id));
    MOXIE_TRY(show(piece));
  }
  if (stopped_by_string_) return end_round(StopReason::kStopString);
  if (tokens_.size() >= options_.max_tokens) return end_round(StopReason::kMaxTokens);
  if (context_->size() >= context_->max_positions()) return end_round(StopReason::kContextFull);
  next_ = id;
  request_.tokens = {&next_, 1};
  request_.done = 0;
  return {};
}

/// A control token is no text, unless it is one that AnswerStream looks for; an id without a token is none either.
bool GenerationState::shows(TokenId id) const noexcept {
  if (!tokenizer_) return false;
  const std::string_view token = tokenizer_->token(id);
  if (token.empty()) return false;
  if (!tokenizer_->is_special(id)) return true;
  return chat_ != nullptr && std::ranges::find(kMarkers, token) != kMarkers.end();
}

Status GenerationState::show(std::string_view text) {
  if (text.empty() || stopped_by_string_) return {};
  shown_.clear();
  stopped_by_string_ = stops_.feed(text, shown_);
  if (shown_.empty()) return {};
  if (answer_) {
    MOXIE_TRY(answer_->feed(shown_, events_));
    return emit_all();
  }
  AnswerEvent event{.kind = AnswerEvent::Kind::kText, .text = shown_};
  return emit(event);
}

Status GenerationState::emit_all() {
  Status first;
  for (AnswerEvent& event : events_) {
    if (Status status = emit(event); first.ok()) first = std::move(status);
  }
  events_.clear();
  return first;
}

/// Tells the host last, so that nothing is lost where it throws.
Status GenerationState::emit(AnswerEvent& event) {
  switch (event.kind) {
    case AnswerEvent::Kind::kText:
    case AnswerEvent::Kind::kMalformedCall:
      text_ += event.text;
      ready_ += event.text;
      if (event.kind == AnswerEvent::Kind::kMalformedCall) {
        malformed_.push_back({.behind = calls_.size(), .text = event.text, .note = event.note});
      }
      break;
    case AnswerEvent::Kind::kReasoning: reasoning_ += event.text; break;
    case AnswerEvent::Kind::kCall: calls_.push_back(event.call); break;
    case AnswerEvent::Kind::kCallBegin: break;
  }
  if (!options_.on_event) return {};
  bool goes_on = true;
  Status status = guarded("GenerationOptions::on_event", [&]() -> Status {
    goes_on = options_.on_event(event);
    return {};
  });
  if (status.ok() && !goes_on) status = cancelled("on_event: false");
  if (!status.ok()) options_.on_event = nullptr;
  return status;
}

Status GenerationState::flush_text() {
  if (decode_) {
    MOXIE_TRY_LET(const std::string_view rest, decode_->finish());
    MOXIE_TRY(show(rest));
  }
  if (!stopped_by_string_) {
    shown_.clear();
    stops_.flush(shown_);
    if (answer_) {
      MOXIE_TRY(answer_->feed(shown_, events_));
    } else if (!shown_.empty()) {
      AnswerEvent event{.kind = AnswerEvent::Kind::kText, .text = shown_};
      MOXIE_TRY(emit(event));
    }
  }
  if (answer_) MOXIE_TRY(answer_->finish(events_));
  return emit_all();
}

Status GenerationState::end_round(StopReason reason) {
  MOXIE_TRY(flush_text());
  if (stopped_by_string_) reason = StopReason::kStopString;  // it came out with the last character
  if (chat_ == nullptr) {
    finish(reason, {});
    return {};
  }
  MOXIE_TRY_LET(const StopReason after, chat_->end_round(*this, reason));
  if (after != StopReason::kNone) {
    finish(after, {});
    return {};
  }
  return begin_chat_round();
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
  if (chat_ != nullptr) chat_->close_turn(status_.ok());
  request_ = {};
  logits_ = {};
  options_.on_event = nullptr;
}

/// The text that was held back is still the model's.
void GenerationState::fail(Status status) noexcept {
  if (finished()) return;
  if (decode_ && !tokens_.empty()) {
    const Status ignored = guarded(kWhere, [&]() -> Status { return flush_text(); });
    static_cast<void>(ignored);  // the first failure is the one that counts
  }
  const StopReason reason = status.code() == Code::kCancelled  ? StopReason::kCancelled
                            : status.code() == Code::kDeadline ? StopReason::kDeadline
                                                               : StopReason::kError;
  finish(reason, std::move(status));
}

void GenerationState::cancel() noexcept {
  if (!finished()) {
    options_.on_event = nullptr;  // whoever cancels knows
    fail(cancelled("a cancel"));
  }
}

void GenerationState::step_alone() noexcept {
  Status status = guarded("Kernel::step", [&]() -> Status { return kernel_->step(*this).status(); });
  if (!status.ok()) fail(std::move(status));
}

std::string_view GenerationState::take() noexcept {
  piece_.swap(ready_);
  ready_.clear();
  return piece_;
}

std::span<const TokenLogprob> GenerationState::top_logprobs(std::size_t token) const noexcept {
  const std::size_t n = options_.sampling.logprobs.value_or(0);
  if (token >= logprobs_.size()) return {};
  const auto all = std::span<const TokenLogprob>(top_logprobs_).subspan(token * n, n);
  const auto end = std::ranges::find(all, TokenId{-1}, &TokenLogprob::token);
  return all.first(static_cast<std::size_t>(end - all.begin()));
}

}  // namespace moxie::kernel
