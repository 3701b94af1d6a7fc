// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <moxie/context/context.hpp>

#include "context/access.hpp"
#include "support/catch.hpp"
#include "unit/context/stamps.hpp"

using namespace moxie;
using namespace moxie::testing;

namespace {

constexpr KvShape kShape{.layers = 1, .kv_heads = 2, .key_width = 2, .value_width = 1};
constexpr std::uint64_t kTableBytesOfPage = 8 + 32 * 4;

std::size_t pages_for(std::size_t positions) { return (positions + 31) / 32; }

/// What a context ought to be, in the plainest words: a list of stamps, and a list of pages whose only
/// property is who else holds them. Pages that were given back behind a window are null.
struct Model {
  std::vector<std::uint64_t> stamps;
  std::vector<std::shared_ptr<int>> pages;
  std::size_t held = 0;  // positions before the first one that is absent

  std::size_t released() const { return static_cast<std::size_t>(std::count(pages.begin(), pages.end(), nullptr)); }
  /// The next row sees itself and window - 1 positions before it; `rewind` more stay. Whole pages before those go.
  void release(std::size_t window, std::size_t rewind) {
    for (std::size_t p = 0; window != 0 && p < pages.size(); ++p) {
      const std::size_t last = 32 * p + 31;
      if (last + window + rewind <= held) pages[p] = nullptr;
    }
  }
  /// Whether a row at n would find the positions that it sees.
  bool can_truncate(std::size_t to, std::size_t window) const {
    const std::size_t n = std::min(to, held);
    if (n == 0 || window == 0) return true;
    const std::size_t first_seen = n + 1 > window ? n + 1 - window : 0;
    return first_seen >= 32 * released();
  }

  bool copies_tail() const { return held % 32 != 0 && pages[held / 32].use_count() > 1; }
  /// Of the positions before `end`.
  std::size_t new_pages(std::size_t end) const {
    const std::size_t wanted = pages_for(end);
    return (copies_tail() ? 1u : 0u) + (wanted > pages.size() ? wanted - pages.size() : 0u);
  }
  void make_room(std::size_t end) {
    if (copies_tail()) pages[held / 32] = std::make_shared<int>();
    while (pages.size() < pages_for(end)) pages.push_back(std::make_shared<int>());
  }
  void cut(std::size_t n) {
    stamps.resize(n);
    held = std::min(held, n);
    pages.resize(pages_for(held));
  }
  /// From the end, all pages up to the last one that is shared with all before it; all, where there is none behind it.
  void give_back(std::size_t window) {
    std::size_t keep = released();
    while (keep < pages.size() && pages[keep].use_count() > 1) ++keep;
    if (keep == pages.size()) keep = 0;
    held = std::min(held, 32 * keep);
    if (!can_truncate(held, window)) held = 0;
    pages.resize(pages_for(held));
  }
  Model fork() const {
    Model child{stamps, pages, held};
    child.pages.resize(pages_for(held));
    return child;
  }
};

struct Pair {
  Context context;
  Model model;
};

class World {
 public:
  World(std::uint64_t seed, std::uint64_t limit, const KvShape& shape)
      : random_(seed),
        budget_(Budget::create("kv", limit)),
        pool_(KvPool::create(shape, budget_, {.poison_freed = true}).value()),
        rewind_(seed % 2 * 16) {}

  void step() {
    const std::size_t op = below(100);
    if (pairs_.empty() || (op < 3 && pairs_.size() < 50)) {
      pairs_.push_back({Context::create(pool_, {.rewind = rewind_}).value(), {}});
      return;
    }
    Pair& pair = pairs_[below(pairs_.size())];
    if (op < 45) {
      append(pair);
    } else if (op < 55) {
      prepare_and_roll_back(pair);
    } else if (op < 70) {
      fork(pair);
    } else if (op < 82) {
      truncate(pair);
    } else if (op < 90) {
      reserve(pair);
    } else if (op < 93) {
      ContextAccess::give_back(pair.context);
      pair.model.give_back(pool_->shape().window);
    } else if (op < 96) {
      adopt(pair);
    } else {
      drop(pair);
      return;
    }
    check(pairs_.empty() ? pair : pairs_[below(pairs_.size())]);
  }

  void check_all() {
    for (const Pair& pair : pairs_) check(pair);
  }

  /// The pool holds the pages that the models hold, shared ones once, and the budget those and the tables.
  void check_books() const {
    std::set<const int*> pages;
    std::uint64_t table_bytes = 0;
    for (const Pair& pair : pairs_) {
      std::size_t shared = 0;
      for (const auto& page : pair.model.pages) {
        if (page == nullptr) continue;
        pages.insert(page.get());
        shared += page.use_count() > 1;
      }
      const ContextUsage usage = pair.context.usage();
      if (usage.absent_positions != pair.model.stamps.size() - pair.model.held) FAIL("absent positions");
      table_bytes += usage.table_bytes;
      const std::size_t released = pair.model.released();
      if (usage.released_pages != released) FAIL("released " << usage.released_pages << " of " << released);
      if (usage.pages + released != pair.model.pages.size()) FAIL("pages " << usage.pages);
      if (usage.shared_pages != shared) FAIL("shared pages " << usage.shared_pages << " of " << shared);
    }
    if (pool_->usage().pages != pages.size()) FAIL("pool " << pool_->usage().pages << " of " << pages.size());
    if (budget_->used() != pages.size() * pool_->page_bytes() + table_bytes) FAIL("budget " << budget_->used());
  }

  void drop_all() { pairs_.clear(); }
  const Budget& budget() const { return *budget_; }
  const KvPool& pool() const { return *pool_; }
  std::size_t refusals() const { return refusals_; }
  std::size_t successes() const { return successes_; }
  std::size_t copies() const { return copies_; }
  std::size_t releases() const { return releases_; }
  std::size_t recomputed() const { return recomputed_; }
  std::size_t computed_again() const { return computed_again_; }
  std::size_t adoptions() const { return adoptions_; }

 private:
  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }
  std::size_t some_positions() { return below(4) == 0 ? below(120) : below(9); }

  /// An ok status is right where what it needs fitted, a refusal where it did not: to the byte.
  bool judge(const Pair& pair, std::size_t from, std::size_t n, std::uint64_t used_before, const Status& status) {
    const std::size_t wanted = pages_for(from + n);
    const std::size_t capacity = pair.context.usage().table_bytes / kTableBytesOfPage;
    // Where it succeeded the table has grown, and has no less than it needs; the old one was held till then.
    if (status.ok()) {
      ++successes_;
      if (n != 0 && wanted > capacity) FAIL("a table of " << capacity << " for " << wanted);
      if (budget_->used() > budget_->limit()) FAIL("overrun");
      return true;
    }
    ++refusals_;
    if (status.code() != Code::kBudget) FAIL(std::string(status.message()));
    const std::uint64_t needs = (n == 0 ? 0 : pair.model.new_pages(from + n)) * pool_->page_bytes() +
                                (wanted > capacity ? std::max(wanted, pair.model.pages.size()) * kTableBytesOfPage : 0);
    if (budget_->used() != used_before) FAIL("a refusal cost " << budget_->used() << " after " << used_before);
    if (used_before + needs <= budget_->limit()) FAIL("refused " << needs << " with " << budget_->left() << " left");
    return false;
  }

  /// What is absent comes first.
  void append(Pair& pair) {
    const std::size_t n = some_positions();
    const std::size_t held = pair.model.held;
    const std::uint64_t used = budget_->used();
    const auto view = ContextAccess::prepare(pair.context, n);
    if (!judge(pair, held, n, used, view.status())) return;
    const std::size_t pages_before = pair.model.pages.size();
    copies_ += n != 0 && pair.model.copies_tail();
    if (n != 0) pair.model.make_room(held + n);
    const std::size_t accepted = below(5) == 0 ? below(n + 1) : n;
    std::vector<TokenId> tokens;
    for (std::size_t i = 0; i < n; ++i) {
      const bool again = held + i < pair.model.stamps.size();
      const std::uint64_t stamp = again ? pair.model.stamps[held + i] : ++last_stamp_;
      write_stamp(*view, held + i, stamp);
      if (i >= accepted) continue;
      computed_again_ += again;
      if (!again) pair.model.stamps.push_back(stamp);
      ++pair.model.held;
      tokens.push_back(static_cast<TokenId>(stamp));
    }
    if (!ContextAccess::commit(pair.context, tokens).ok()) FAIL("commit");
    pair.model.pages.resize(std::max(pages_for(pair.model.held), pages_before));
    const std::size_t released = pair.model.released();
    pair.model.release(pool_->shape().window, rewind_);
    releases_ += pair.model.released() - released;
  }

  void prepare_and_roll_back(Pair& pair) {
    const std::size_t n = some_positions();
    const std::size_t held = pair.model.held;
    const std::uint64_t used = budget_->used();
    const auto view = ContextAccess::prepare(pair.context, n);
    if (!judge(pair, held, n, used, view.status())) return;
    const std::size_t pages_before = pair.model.pages.size();
    if (n != 0) pair.model.make_room(held + n);
    for (std::size_t i = 0; i < n; ++i) write_stamp(*view, held + i, ++last_stamp_);
    ContextAccess::rollback(pair.context);
    pair.model.pages.resize(pages_before);
  }

  /// Another's beginning, up to the end of a page or into one.
  void adopt(Pair& into) {
    const Pair& from = pairs_[below(pairs_.size())];
    if (&from == &into || from.model.held == 0) return;
    if (!into.context.truncate(0).ok()) FAIL("truncate to 0");
    into.model.cut(0);
    const std::size_t n = below(2) == 0 ? from.model.held / 32 * 32 : from.model.held;
    const std::size_t pages = pages_for(n);
    const std::uint64_t used = budget_->used();
    const std::size_t capacity = into.context.usage().table_bytes / kTableBytesOfPage;
    const Status status = ContextAccess::adopt(into.context, ContextAccess::pages(from.context).first(pages),
                                               from.context.tokens().first(n));
    if (!from.model.can_truncate(n, pool_->shape().window)) {
      if (status.code() != Code::kInvalidArgument) FAIL("adopt without what a row reads");
      return;
    }
    const bool fits = pages <= capacity || used + pages * kTableBytesOfPage <= budget_->limit();
    if (status.code() != (fits ? Code::kOk : Code::kBudget)) FAIL("adopt: " << std::string(status.message()));
    if (!fits) return;
    into.model = {from.model.stamps, from.model.pages, n};
    into.model.cut(n);
    ++adoptions_;
  }

  void fork(const Pair& pair) {
    if (pairs_.size() >= 50) return;
    const std::uint64_t used = budget_->used();
    Result<Context> child = pair.context.fork();
    const std::uint64_t needs = pages_for(pair.model.stamps.size()) * kTableBytesOfPage;
    if (child.ok() != (used + needs <= budget_->limit())) FAIL("fork: " << std::string(child.status().message()));
    if (!child.ok()) {
      ++refusals_;
      return;
    }
    Model model = pair.model.fork();
    pairs_.push_back({*std::move(child), std::move(model)});
  }

  void truncate(Pair& pair) {
    const std::size_t size = pair.model.stamps.size();
    const std::size_t n = below(3) == 0 ? below(size + 1) : size - below(std::min<std::size_t>(size, 6) + 1);
    const bool can = pair.model.can_truncate(n, pool_->shape().window);
    if (pair.context.can_truncate(n) != can) FAIL("can_truncate to " << n << " of " << size);
    const Status status = pair.context.truncate(n);
    if (status.code() != (can ? Code::kOk : Code::kPrecondition)) FAIL("truncate to " << n << " of " << size);
    if (!can) {  // as it was, and from the first position on it can be again
      check(pair);
      if (below(2) == 0) return;
      if (!pair.context.truncate(0).ok()) FAIL("truncate to 0");
      ++recomputed_;
    }
    pair.model.cut(can ? n : 0);
  }

  void reserve(Pair& pair) {
    const std::size_t n = some_positions();
    const std::uint64_t used = budget_->used();
    const std::size_t size = pair.model.stamps.size();
    if (judge(pair, size, n, used, pair.context.reserve(n)) && n != 0) pair.model.make_room(size + n);
  }

  void drop(Pair& pair) {
    std::swap(pair.context, pairs_.back().context);
    std::swap(pair.model, pairs_.back().model);
    pairs_.pop_back();
  }

  void check(const Pair& pair) const {
    const std::size_t size = pair.model.stamps.size();
    if (ContextAccess::held(pair.context) != pair.model.held) FAIL("held " << ContextAccess::held(pair.context));
    if (pair.context.size() != size) FAIL("size " << pair.context.size() << " of " << size);
    const KvView view = ContextAccess::view(pair.context);
    const std::size_t released = pair.model.released();
    if (view.first_page != released) FAIL("view from page " << view.first_page << ", not " << released);
    for (std::size_t p = 0; p < size; ++p) {
      if (p < 32 * released) {
        if (view.pages[p / 32] != nullptr) FAIL("a page that was given back at " << p);
      } else if (p < pair.model.held && !has_stamp(view, p, pair.model.stamps[p])) {
        FAIL("values at " << p);
      }
      if (pair.context.tokens()[p] != static_cast<TokenId>(pair.model.stamps[p])) FAIL("token at " << p);
    }
  }

  std::mt19937_64 random_;
  std::shared_ptr<Budget> budget_;
  std::shared_ptr<KvPool> pool_;
  std::size_t rewind_;
  std::vector<Pair> pairs_;
  std::uint64_t last_stamp_ = 0;
  std::size_t refusals_ = 0;
  std::size_t successes_ = 0;
  std::size_t copies_ = 0;
  std::size_t releases_ = 0;
  std::size_t recomputed_ = 0;
  std::size_t computed_again_ = 0;
  std::size_t adoptions_ = 0;
};

}  // namespace

TEST_CASE("ten thousand random operations leave each context as its oracle says, in every type") {
  // The tight budget, of 50 pages, refuses about half of what wants memory, at every place where a call takes some.
  for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kQ8_0}) {
    for (const std::size_t window : {0u, 12u}) {
      for (const std::uint64_t seed : {1u, 2u}) {
        KvShape shape = kShape;
        shape.type = type;
        shape.window = window;
        const std::uint64_t tight = 50 * (shape.page_bytes() + 64 + kTableBytesOfPage);
        World world(seed, seed == 1 ? Budget::kUnlimited : tight, shape);
        for (int i = 0; i < 10'000; ++i) {
          INFO(name(type) << ", window " << window << ", seed " << seed << ", operation " << i);
          world.step();
          world.check_books();
          if (i % 100 == 0) world.check_all();
        }
        world.check_all();
        INFO(name(type) << ", window " << window << ", seed " << seed);
        CHECK(world.successes() > 1000);
        CHECK(world.copies() > 100);
        CHECK(world.computed_again() > 500);
        CHECK(world.adoptions() > 20);
        CHECK((seed == 1 ? world.refusals() == 0 : world.refusals() > 500));
        CHECK(((world.releases() > 100) == (window != 0)));
        CHECK(((world.recomputed() > 10) == (window != 0)));
        CHECK(world.pool().usage().peak_bytes <= world.budget().limit());
        world.drop_all();
        CHECK(world.budget().used() == 0);
        CHECK(world.pool().usage().pages == 0);
      }
    }
  }
}

namespace {

/// One fixed story with every call that takes memory. Returns how many calls were refused.
std::size_t play(const std::shared_ptr<Budget>& budget, const KvPool& pool, std::vector<Context>& contexts) {
  std::size_t refused = 0;
  const auto count = [&](const Status& status, std::uint64_t used_before) {
    if (status.ok()) return true;
    ++refused;
    if (status.code() != Code::kBudget) FAIL(std::string(status.message()));
    if (budget->used() != used_before) FAIL("a refusal cost " << budget->used() << " after " << used_before);
    if (pool.usage().bytes > budget->used()) FAIL("pages that nobody paid for");
    return false;
  };
  const auto append = [&](Context& context, std::size_t n, std::uint64_t stamp) {
    const std::uint64_t used = budget->used();
    const std::size_t size = context.size();
    if (count(append_stamps(context, n, stamp), used)) {
      if (!holds_stamps(context, size, n, stamp)) FAIL("what was appended");
    } else if (context.size() != size || ContextAccess::prepared(context) != 0) {
      FAIL("a refused append changed the context");
    }
  };
  append(contexts[0], 40, 0);
  append(contexts[0], 30, 100);
  const std::uint64_t used = budget->used();
  Result<Context> fork = contexts[0].fork();
  if (count(fork.status(), used)) contexts.push_back(*std::move(fork));
  append(contexts.back(), 60, 200);
  append(contexts[0], 1, 300);
  const std::uint64_t used_then = budget->used();
  count(contexts[0].reserve(100), used_then);
  append(contexts[0], 90, 400);
  return refused;
}

}  // namespace

TEST_CASE("a budget that ends at any point is kept, and what was refused left no trace") {
  const auto pages = [](std::uint64_t limit) {
    return KvPool::create(kShape, Budget::create("kv", limit), {.poison_freed = true}).value();
  };
  const std::size_t page_bytes = pages(0)->page_bytes();
  std::size_t refused_before = ~std::size_t{0};
  std::set<std::size_t> refusals;
  // 8 divides every charge, so that every limit at which something changes is met, and the one below it.
  for (std::uint64_t limit = 0; limit <= 14 * (page_bytes + kTableBytesOfPage); limit += 8) {
    INFO("limit " << limit);
    const auto pool = pages(limit);
    std::vector<Context> contexts;
    contexts.reserve(2);
    contexts.push_back(Context::create(pool).value());
    refused_before = play(pool->budget(), *pool, contexts);
    refusals.insert(refused_before);
    contexts.clear();
    if (pool->budget()->used() != 0 || pool->usage().pages != 0) FAIL("something was not given back");
  }
  CHECK(refused_before == 0);  // the last limit was enough
  CHECK(*refusals.rbegin() >= 5);
  CHECK(refusals.size() >= 4);
}
