// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <moxie/kernel/kernel.hpp>

#include "kernel/plan.hpp"
#include "kernel/ready_model.hpp"
#include "model/run/batch.hpp"

namespace moxie::inline abi1::kernel {

/// One step of one model: takes the planned rows of the requests whose contexts belong to it, prepares their pages,
/// runs the model, and makes the rows part of their contexts; or leaves all as it was.
class Step {
 public:
  /// models[i] is whose, and planned[i] what runs, of requests[i].
  Step(ReadyModel& model, std::span<Request> requests, std::span<ReadyModel* const> models, std::span<Planned> planned,
       PhaseClock& phases) noexcept
      : model_(model), requests_(requests), models_(models), planned_(planned), phases_(phases) {}

  /// Adds to the report what was computed. What fails is told in the status of each request concerned; what finds its
  /// memory taken meanwhile waits.
  void run(StepReport& report) noexcept;
  /// Memory for the tables of a step of at most so many rows.
  [[nodiscard]] static std::size_t table_bytes(std::size_t rows) noexcept;

 private:
  /// One request's share of the batch.
  struct Share {
    Request* request = nullptr;
    std::size_t begin = 0;
    std::size_t rows = 0;
    std::size_t again = 0;  // the first of them, of positions that were absent
    std::size_t first_output = 0;
    std::size_t n_outputs = 0;
  };

  [[nodiscard]] bool belongs(std::size_t index) const noexcept;
  Status take_tables(std::size_t room) noexcept;
  [[nodiscard]] std::size_t outputs_of(const Request& request, std::size_t fresh) const noexcept;
  void add(Request& request, Planned& planned) noexcept;
  [[nodiscard]] model::Batch batch() const noexcept;
  void run_one_by_one() noexcept;
  void finish(const Share& share, std::span<const TokenId> tokens, const Status& outcome) const noexcept;
  static bool all_cancelled(const void* step) noexcept;

  ReadyModel& model_;
  std::span<Request> requests_;
  std::span<ReadyModel* const> models_;
  std::span<Planned> planned_;
  PhaseClock& phases_;
  // Filled from the front while the batch is formed; memory of the kernel.
  std::span<Share> shares_;
  std::span<TokenId> tokens_;
  std::span<Position> positions_;
  std::span<model::Segment> segments_;
  std::span<model::Output> outputs_;
  std::size_t n_shares_ = 0;
  std::size_t n_rows_ = 0;
  std::size_t n_outputs_ = 0;
  mutable bool host_stopped_ = false;  // forward() was told so: then kCancelled is the host's and not a plug-in's
};

[[nodiscard]] bool is_cancelled(const Request& request) noexcept;
/// That it stopped as the host wanted: kCancelled or kDeadline.
[[nodiscard]] Status stop_error(Code code, const Request& request) noexcept;

}  // namespace moxie::kernel
