// SPDX-License-Identifier: Apache-2.0
#include "kernel/resources.hpp"

#include <algorithm>

#include "context/access.hpp"
#include "kernel/step.hpp"
#include "model/model_access.hpp"
#include "model/pathway_access.hpp"

namespace moxie::inline abi1::kernel {

using model::ModelAccess;

Resources::Resources(const KernelOptions& options, std::shared_ptr<Executor> executor)
    : options_(options),
      executor_(std::move(executor)),
      budget_(Budget::create("kernel memory", options.memory_bytes)) {}

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

Result<Context> Resources::open(const Pathway& pathway, const ContextOptions& options) {
  const Model& model = pathway.model();
  bool made = false;
  MOXIE_TRY_LET(ReadyModel* const ready, make_ready(model, made));
  ContextOptions bound = options;
  bound.pathway_hash = pathway.hash();
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
    MOXIE_TRY_LET(larger[worker], AlignedBuffer::create(bytes, budget_.get()));
  }
  sampling_memory_.resize(width);
  for (std::size_t worker = 0; worker < width; ++worker) {
    if (larger[worker].size() != 0) sampling_memory_[worker] = std::move(larger[worker]);
  }
  return {};
}

Result<StepReport> Resources::step(std::span<Request> requests) {
  demands_.resize(requests.size());
  rows_.resize(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    check(requests, i);
    const Request& request = requests[i];
    demands_[i] = request.finished() ? Demand{}
                                     : Demand{.left = request.tokens.size() - request.done,
                                              .max_rows = std::max<std::size_t>(request.max_rows, 1)};
  }
  plan(demands_, options_.max_step_rows, rows_);
  StepReport report;
  for (const Entry& entry : entries_) {
    const auto keep = entry.model.lock();
    if (keep != nullptr) report.rows += Step(*entry.ready, requests, rows_).run();
  }
  report.unfinished =
      static_cast<std::size_t>(std::ranges::count_if(requests, [](const Request& r) { return !r.finished(); }));
  return report;
}

/// Gives a request that cannot be computed its error.
void Resources::check(std::span<Request> requests, std::size_t index) const noexcept {
  Request& request = requests[index];
  if (request.finished()) return;
  request.status = stopped(request);
  if (request.status.ok()) request.status = problem(requests, index);
}

Status Resources::problem(std::span<Request> requests, std::size_t index) const noexcept {
  constexpr std::string_view kWhere = "Kernel::step";
  const Request& request = requests[index];
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
  return {};
}

}  // namespace moxie
