// SPDX-License-Identifier: Apache-2.0
#include "kernel/resources.hpp"

#include <algorithm>

#include "context/access.hpp"
#include "kernel/step.hpp"
#include "model/model_access.hpp"
#include "model/pathway_access.hpp"

namespace moxie::inline abi1::kernel {

using model::ModelAccess;

namespace {

/// A context's own limits, which no waiting moves.
Status check_limits(const Request& request) noexcept {
  const Context& context = *request.context;
  const std::size_t fresh = request.tokens.size() - request.done;
  if (fresh > context.max_positions() - context.size()) {
    return Status(Code::kBudget, "Kernel::step", Text(fresh, " positions more"),
                  Text(context.max_positions() - context.size(), " left of max_positions ", context.max_positions()));
  }
  const Budget& account = ContextAccess::account(context);
  if (&account == context.pool()->budget().get()) return {};
  const std::uint64_t bytes = ContextAccess::room(context).bytes_for(ContextAccess::absent(context) + fresh);
  if (bytes <= account.left()) return {};
  return Status(Code::kBudget, "Kernel::step", Text(bytes, " bytes for ", fresh, " positions more"),
                Text(account.left(), " left of max_bytes ", account.limit()));
}

}  // namespace

Resources::Resources(const KernelOptions& options, std::shared_ptr<Executor> executor)
    : options_(options),
      executor_(std::move(executor)),
      budget_(Budget::create("kernel memory", options.memory_bytes, options.memory, "bytes")),
      phases_(options.phases.get()) {}

/// Models that outlive the kernel must not keep what belonged to it.
Resources::~Resources() {
  for (const Entry& entry : entries_) {
    if (const auto model = ModelAccess::model_of(entry.model.lock())) ModelAccess::attachments(*model).drop(this);
  }
}

Result<ReadyModel*> Resources::make_ready(const Model& model, bool& made) {
  std::erase_if(entries_, [](const Entry& entry) { return entry.model.expired(); });
  const std::shared_ptr<const void> owner = ModelAccess::owner(model);
  for (const Entry& entry : entries_) {
    if (entry.model.lock() == owner) return entry.ready;
  }
  MOXIE_TRY_LET(auto tables, step_tables());
  MOXIE_TRY_LET(auto runner, ModelAccess::decoder(model).make_runner(options_.max_step_rows, *executor_, budget_));
  auto ready = std::make_shared<ReadyModel>(std::move(runner), std::move(tables), model.config().vocab_size);
  entries_.push_back({owner, ready.get()});
  made = true;
  try {
    ModelAccess::attachments(model).put(this, std::move(ready));
  } catch (...) {
    entries_.pop_back();
    throw;
  }
  return entries_.back().ready;
}

Result<std::shared_ptr<AlignedBuffer>> Resources::step_tables() {
  if (auto tables = step_tables_.lock()) return tables;
  MOXIE_TRY_LET(AlignedBuffer memory, AlignedBuffer::create(Step::table_bytes(options_.max_step_rows), budget_.get()));
  auto tables = std::make_shared<AlignedBuffer>(std::move(memory));
  step_tables_ = tables;
  return tables;
}

std::uint64_t Resources::bytes_left() const noexcept {
  const std::uint64_t own = budget_->left();
  return options_.memory == nullptr ? own : std::min(own, options_.memory->left());
}

template <class Take>
auto Resources::take_with_reclaim(Take take) -> decltype(take()) {
  for (;;) {
    auto taken = take();
    if (taken.status().code() != Code::kBudget) return taken;
    if (!idle_.give_back(true) && !idle_.give_back(false)) return taken;
  }
}

Result<Context> Resources::open(const Pathway& pathway, const ContextOptions& options) {
  return take_with_reclaim([&] { return open_once(pathway, options); });
}

Result<Context> Resources::open_once(const Pathway& pathway, const ContextOptions& options) {
  const Model& model = pathway.model();
  if (pathway.host_dependent() && !options.host_dependent) {
    return Status(Code::kInvalidArgument, "Kernel::open",
                  "ContextOptions::host_dependent for a pathway with a router that is not row-local", "false");
  }
  bool made = false;
  MOXIE_TRY_LET(ReadyModel* const ready, make_ready(model, made));
  ContextOptions bound = options;
  bound.pathway_hash = pathway.hash();
  bound.host_dependent = pathway.host_dependent();
  const auto context_on = [&]() -> Result<Context> {
    const auto& edits = model::PathwayAccess::edits(pathway);
    if (edits != nullptr) MOXIE_TRY(ready->runner().reserve(*edits));
    MOXIE_TRY_LET(const auto pool, ready->pool(model, options_, budget_));
    MOXIE_TRY_LET(Context context, Context::create(pool, bound));
    ContextAccess::set_edits(context, edits);
    return context;
  };
  auto context = context_on();
  if (!context.ok() && made) {
    ModelAccess::attachments(model).drop(this);
    entries_.pop_back();
  }
  return context;
}

const Resources::Entry* Resources::entry_of(const Context& context) const noexcept {
  for (const Entry& entry : entries_) {
    const auto keep = entry.model.lock();  // another thread may drop a model that has no contexts
    if (keep != nullptr && entry.ready->owns(context.pool())) return &entry;
  }
  return nullptr;
}

std::optional<Model> Resources::model_of(const Context& context) const noexcept {
  const Entry* entry = entry_of(context);
  return entry == nullptr ? std::nullopt : ModelAccess::model_of(entry->model.lock());
}

Status Resources::reserve_sampling(std::size_t bytes) {
  const std::size_t width = executor_->width();
  std::vector<AlignedBuffer> larger(width);
  for (std::size_t worker = 0; worker < width; ++worker) {
    if (worker < sampling_memory_.size() && sampling_memory_[worker].size() >= bytes) continue;
    MOXIE_TRY_LET(larger[worker], allocate(bytes));
  }
  sampling_memory_.resize(width);
  for (std::size_t worker = 0; worker < width; ++worker) {
    if (larger[worker].size() != 0) sampling_memory_[worker] = std::move(larger[worker]);
  }
  return {};
}

Result<AlignedBuffer> Resources::allocate(std::size_t bytes) {
  return take_with_reclaim([&] { return AlignedBuffer::create(bytes, budget_.get()); });
}

Status AnswerMemory::take(Resources& resources) {
  if (missing() == 0) return {};
  MOXIE_TRY_LET(buffer, resources.allocate(bytes));
  return {};
}

Result<StepReport> Resources::step(std::span<Request> requests, std::size_t first_turn,
                                   std::span<AnswerMemory* const> answers) {
  phases_.enter(Phase::kPlan, 0);
  models_.assign(requests.size(), nullptr);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (requests[i].finished()) continue;
    const auto model = check(requests, i);
    requests[i].status = model.status();
    if (model.ok()) models_[i] = *model;
  }
  make_plan(requests, first_turn, answers);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (planned_[i].turn == Turn::kLate) requests[i].status = stop_error(Code::kDeadline, requests[i]);
    if (planned_[i].turn == Turn::kFails) requests[i].status = shortage(i);
  }
  take_memory(requests, answers);
  StepReport report;
  for (const Entry& entry : entries_) {
    const auto keep = entry.model.lock();
    if (keep != nullptr) Step(*entry.ready, requests, models_, planned_, phases_).run(report);
  }
  for (std::size_t i = 0; i < requests.size(); ++i) {
    // Somebody else took its memory, and nothing ran: so it does not wait for one of these.
    if (report.rows == 0 && planned_[i].turn == Turn::kWaits && planned_[i].rows != 0) {
      planned_[i] = {.turn = Turn::kFails, .could_get = bytes_left()};
      requests[i].status = shortage(i);
    }
    report.unfinished += !requests[i].finished();
    report.waiting += planned_[i].turn == Turn::kWaits;
  }
  return report;
}

/// For those that run.
void Resources::take_memory(std::span<Request> requests, std::span<AnswerMemory* const> answers) {
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (planned_[i].turn != Turn::kRuns) continue;
    const Status taken = answers[i]->take(*this);
    requests[i].logits.data = answers[i]->logits();
    if (taken.ok()) continue;
    planned_[i].turn = Turn::kWaits;  // another thread was faster
    if (taken.code() != Code::kBudget) requests[i].status = taken;
  }
}

/// Plans, and takes pages as the plan wants it, until somebody can run or fails.
void Resources::make_plan(std::span<const Request> requests, std::size_t first_turn,
                          std::span<AnswerMemory* const> answers) {
  const Clock::time_point now = Clock::now();
  demands_.resize(requests.size());
  planned_.resize(requests.size());
  Room room{.rows = options_.max_step_rows, .first_turn = first_turn};
  const auto ask = [&](bool short_of_memory) {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      demands_[i] = {};
      if (models_[i] == nullptr) continue;
      const Request& request = requests[i];
      const Context& context = *request.context;
      demands_[i] = {.left = ContextAccess::absent(context) + request.tokens.size() - request.done,
                     .max_rows = std::max<std::size_t>(request.max_rows, 1),
                     .deadline = request.deadline,
                     .kv = ContextAccess::room(context),
                     .besides = answers.empty() ? 0 : answers[i]->missing(),
                     .gives_back = !answers.empty()};
      if (!short_of_memory) continue;
      const ContextUsage usage = context.usage();
      demands_[i].alone_pages = usage.pages - usage.shared_pages;
    }
    room.bytes = bytes_left();
    room.idle_bytes = short_of_memory ? idle_.bytes() : 0;
    return plan(demands_, room, now, planned_);
  };
  const auto fails = [](const Planned& planned) { return planned.turn == Turn::kFails; };
  Outcome outcome = ask(false);
  if (!outcome.waits && std::ranges::none_of(planned_, fails)) return;
  for (;;) {
    outcome = ask(true);
    if (!outcome.waits) return;
    if (idle_.give_back(true)) continue;
    if (outcome.rows != 0) return;
    const bool alone = outcome.victim && demands_[*outcome.victim].alone_pages != 0;
    if (!alone && idle_.give_back(false)) continue;
    if (!outcome.victim) return;
    ContextAccess::give_back(*requests[*outcome.victim].context);
  }
}

Status Resources::shortage(std::size_t index) const noexcept {
  const Demand& demand = demands_[index];
  const std::uint64_t could_get = planned_[index].could_get;
  const Text within = options_.memory == nullptr
                          ? Text()
                          : Text(" within ", options_.memory->limit(), " of ", options_.memory->label());
  return Status(Code::kBudget, "Kernel::step",
                Text(demand.kv.bytes_for(demand.left) + demand.besides, " bytes for ", demand.left, " rows behind ",
                     demand.kv.held),
                Text(could_get, " of memory_bytes ", budget_->limit(), within, ", room for ",
                     demand.kv.rows_within(could_get - std::min<std::uint64_t>(could_get, demand.besides), demand.left),
                     "; more memory_bytes, a narrower kv_type or fewer other contexts make room"));
}

/// The model of a request that is not finished, or why it cannot be computed.
Result<ReadyModel*> Resources::check(std::span<Request> requests, std::size_t index) const noexcept {
  constexpr std::string_view kWhere = "Kernel::step";
  const Request& request = requests[index];
  if (is_cancelled(request)) return stop_error(Code::kCancelled, request);
  if (request.context == nullptr) return Status(Code::kInvalidArgument, kWhere, "a context for each request", "null");
  const Entry* entry = entry_of(*request.context);
  if (entry == nullptr) {
    return Status(Code::kInvalidArgument, kWhere, "a context that this kernel opened", "another");
  }
  for (std::size_t i = 0; i < index; ++i) {
    if (requests[i].context == request.context && !requests[i].finished()) {
      return Status(Code::kInvalidArgument, kWhere, "each context in one request",
                    Text("one in requests ", i, " and ", index));
    }
  }
  const std::size_t V = entry->ready->vocab_size();
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
  MOXIE_TRY(check_limits(request));
  return entry->ready;
}

}  // namespace moxie
