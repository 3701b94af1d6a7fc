// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <memory>

#include <moxie/router/wrapper.hpp>

namespace moxie::inline abi1 {

/// What the rows of one context got in one layer, by position.
struct LayerDecisions {
  /// Where a position's first slot holds it, the position was not recorded.
  static constexpr std::int32_t kNotRecorded = -2;

  std::size_t num_experts = 0;        ///< N
  std::size_t experts_per_token = 0;  ///< K
  std::vector<std::int32_t> experts;  ///< [positions, K], as RouteOut has them
  std::vector<float> weights;         ///< [positions, K]

  [[nodiscard]] std::size_t positions() const noexcept {
    return experts_per_token == 0 ? 0 : experts.size() / experts_per_token;
  }
};

/// Decides again what was decided once: row t gets what the record has for its position, whatever its logits are. So an
/// answer is repeated bit for bit, or another checkpoint's experts run under this one's choices.
///
///     auto router = Replayed::create(std::make_shared<LayerDecisions>(recorded)).value();
///
/// Shapes   as Router; RouteIn::positions must be there. num_logits: N unless it is given.
/// Errors   create: kInvalidArgument for no record, or tables of other sizes.  route: kShape without positions;
///          kNotFound names the position that was not recorded.
/// Threads  immutable; any number at once.
class Replayed {
 public:
  static constexpr bool row_local = true;

  static Result<Replayed> create(std::shared_ptr<const LayerDecisions> record, std::size_t num_logits = 0) noexcept {
    if (record == nullptr || record->experts_per_token == 0 || record->experts_per_token > record->num_experts ||
        record->experts.size() % record->experts_per_token != 0 || record->weights.size() != record->experts.size()) {
      return Status(Code::kInvalidArgument, "Replayed::create", "experts and weights of [positions, K], K in [1, N]",
                    record == nullptr ? Text("no record")
                                      : Text(record->experts.size(), " experts, ", record->weights.size(),
                                             " weights, K ", record->experts_per_token, " of ", record->num_experts));
    }
    return Replayed(std::move(record), num_logits);
  }

  [[nodiscard]] std::size_t num_experts() const noexcept { return record_->num_experts; }
  [[nodiscard]] std::size_t num_logits() const noexcept { return num_logits_ == 0 ? num_experts() : num_logits_; }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return record_->experts_per_token; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status route(const RouteIn& in, RouteOut out, Workspace&) const noexcept {
    const std::size_t K = experts_per_token();
    MOXIE_TRY(check_route_shapes("Replayed::route", num_logits(), num_experts(), K, in, out));
    if (in.positions.size() != in.rows()) {
      return Status(Code::kShape, "Replayed::route", Text("positions of ", in.rows(), " rows"), "none");
    }
    for (std::size_t t = 0; t < in.rows(); ++t) {
      const auto at = static_cast<std::size_t>(in.positions[t]);
      if (in.positions[t] < 0 || at >= record_->positions() ||
          record_->experts[at * K] == LayerDecisions::kNotRecorded) {
        return Status(Code::kNotFound, "Replayed::route", Text("a record of layer ", in.layer),
                      Text("none of position ", in.positions[t]));
      }
      std::copy_n(record_->experts.begin() + static_cast<std::ptrdiff_t>(at * K), K, out.experts.row(t));
      std::copy_n(record_->weights.begin() + static_cast<std::ptrdiff_t>(at * K), K, out.weights.row(t));
    }
    return {};
  }

 private:
  Replayed(std::shared_ptr<const LayerDecisions> record, std::size_t num_logits) noexcept
      : record_(std::move(record)), num_logits_(num_logits) {}

  std::shared_ptr<const LayerDecisions> record_;
  std::size_t num_logits_;
};

static_assert(Router<Replayed>);

}  // namespace moxie
