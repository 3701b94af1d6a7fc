// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <moxie/kernel/kernel.hpp>

#include "kernel/ready_model.hpp"
#include "model/run/batch.hpp"

namespace moxie::inline abi1::kernel {

/// One step of one model: takes the planned rows of the requests whose contexts belong to it, prepares their pages,
/// runs the model, and makes the rows part of their contexts; or leaves all as it was.
class Step {
 public:
  /// rows[i]: of requests[i].
  Step(ReadyModel& model, std::span<Request> requests, std::span<const std::size_t> rows) noexcept
      : model_(model), requests_(requests), planned_(rows) {}

  /// Says how many rows were computed. What fails is told in the status of each request concerned.
  std::size_t run() noexcept;
  /// Memory for the tables of a step of at most so many rows.
  [[nodiscard]] static std::size_t table_bytes(std::size_t rows) noexcept;

 private:
  /// One request's share of the batch.
  struct Share {
    Request* request = nullptr;
    std::size_t begin = 0;
    std::size_t rows = 0;
    std::size_t first_output = 0;
    std::size_t n_outputs = 0;
  };

  [[nodiscard]] bool belongs(std::size_t index) const noexcept;
  Status take_tables(std::size_t room) noexcept;
  [[nodiscard]] std::size_t outputs_of(const Request& request, std::size_t rows) const noexcept;
  void add(Request& request, std::size_t rows) noexcept;
  [[nodiscard]] model::Batch batch() const noexcept;
  void run_one_by_one() noexcept;
  void finish(const Share& share, std::span<const TokenId> tokens, const Status& outcome) const noexcept;
  static bool all_cancelled(const void* step) noexcept;

  ReadyModel& model_;
  std::span<Request> requests_;
  std::span<const std::size_t> planned_;
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

/// Why the host wants it to stop: kCancelled, kDeadline, or ok.
[[nodiscard]] Code stop_code(const Request& request) noexcept;
/// The same as an error of Kernel::step.
[[nodiscard]] Status stopped(const Request& request) noexcept;

}  // namespace moxie::kernel
