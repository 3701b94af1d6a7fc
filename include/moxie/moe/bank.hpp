// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <tuple>
#include <utility>
#include <vector>

#include <moxie/expert/expert.hpp>

namespace moxie::inline abi1 {

/// N experts of one width, called by number.
///
///     struct Powers {                                            // expert e multiplies by 2^e
///       std::size_t size() const noexcept { return 4; }
///       std::size_t width() const noexcept { return 2048; }
///       std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
///       moxie::Status run(std::size_t expert, moxie::ConstRows x, moxie::Rows y, moxie::Workspace&) const;
///     };
///
/// Shapes   run: as Expert, for any expert in [0, size()). size() and width() are fixed for its life.
/// Units    scratch_bytes(T) is in bytes, enough for each of the experts, and never falls as T grows.
/// Errors   as Expert.
/// Threads  run() may be called at once from many threads, also for the same expert.
///
/// See ExpertBank (many of one type, AnyExpert included), TupleBank (different types), MoeLayer.
template <class B>
concept Bank = std::destructible<B> &&
    requires(const B& bank, std::size_t expert, ConstRows x, Rows y, Workspace& ws, std::size_t T) {
  { bank.size() }
  noexcept->std::same_as<std::size_t>;
  { bank.width() }
  noexcept->std::same_as<std::size_t>;
  { bank.scratch_bytes(T) }
  noexcept->std::same_as<std::size_t>;
  { bank.run(expert, x, y, ws) } -> std::same_as<Status>;
};

/// Experts of one type in a vector; ExpertBank<AnyExpert> mixes types at run time.
///
/// Errors   create: kInvalidArgument for no expert, kShape for experts of different widths.
template <Expert E>
class ExpertBank {
 public:
  static Result<ExpertBank> create(std::vector<E> experts) noexcept {
    if (experts.empty()) return Status(Code::kInvalidArgument, "ExpertBank::create", "at least one expert", "none");
    const std::size_t D = experts[0].width();
    for (std::size_t e = 1; e < experts.size(); ++e) {
      if (experts[e].width() != D) {
        return Status(Code::kShape, "ExpertBank::create", Text("experts of width ", D, ", as expert 0"),
                      Text("width ", experts[e].width(), " for expert ", e));
      }
    }
    return ExpertBank(std::move(experts));
  }

  [[nodiscard]] std::size_t size() const noexcept { return experts_.size(); }
  [[nodiscard]] std::size_t width() const noexcept { return experts_[0].width(); }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept {
    std::size_t most = 0;
    for (const E& expert : experts_) most = std::max(most, expert.scratch_bytes(T));
    return most;
  }
  MOXIE_OPTION_TAG Status run(std::size_t expert, ConstRows x, Rows y, Workspace& ws) const {
    return experts_[expert].run(x, y, ws);
  }

  [[nodiscard]] const E& operator[](std::size_t expert) const noexcept { return experts_[expert]; }

 private:
  explicit ExpertBank(std::vector<E> experts) noexcept : experts_(std::move(experts)) {}

  std::vector<E> experts_;
};

/// Experts of different types and inner sizes, known at compile time: no virtual call, no allocation.
///
///     auto bank = TupleBank<Doubler, GatedMlp<Linear>>::create(Doubler{}, std::move(mlp)).value();
///
/// Errors   create: kShape for experts of different widths.
template <Expert... Es>
class TupleBank {
  static_assert(sizeof...(Es) > 0, "a TupleBank holds at least one expert");

 public:
  static Result<TupleBank> create(Es... experts) {
    TupleBank bank(std::move(experts)...);
    const auto widths =
        std::apply([](const Es&... e) { return std::array<std::size_t, sizeof...(Es)>{e.width()...}; }, bank.experts_);
    for (std::size_t e = 1; e < widths.size(); ++e) {
      if (widths[e] != widths[0]) {
        return Status(Code::kShape, "TupleBank::create", Text("experts of width ", widths[0], ", as expert 0"),
                      Text("width ", widths[e], " for expert ", e));
      }
    }
    return bank;
  }

  [[nodiscard]] std::size_t size() const noexcept { return sizeof...(Es); }
  [[nodiscard]] std::size_t width() const noexcept { return std::get<0>(experts_).width(); }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept {
    return std::apply([T](const Es&... e) { return std::max({e.scratch_bytes(T)...}); }, experts_);
  }
  MOXIE_OPTION_TAG Status run(std::size_t expert, ConstRows x, Rows y, Workspace& ws) const {
    return run_one(std::index_sequence_for<Es...>{}, expert, x, y, ws);
  }

  template <std::size_t I>
  [[nodiscard]] const auto& get() const noexcept {
    return std::get<I>(experts_);
  }

 private:
  explicit TupleBank(Es... experts) : experts_(std::move(experts)...) {}

  template <std::size_t... I>
  MOXIE_OPTION_TAG Status run_one(std::index_sequence<I...>, std::size_t expert, ConstRows x, Rows y,
                                  Workspace& ws) const {
    using Run = Status (*)(const TupleBank&, ConstRows, Rows, Workspace&);
    static constexpr Run kRuns[] = {[](const TupleBank& bank, ConstRows in, Rows out, Workspace& scratch) -> Status {
      return std::get<I>(bank.experts_).run(in, out, scratch);
    }...};
    return kRuns[expert](*this, x, y, ws);
  }

  std::tuple<Es...> experts_;
};

}  // namespace moxie
