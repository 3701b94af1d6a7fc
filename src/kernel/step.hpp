// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <moxie/kernel/kernel.hpp>

#include "kernel/runner.hpp"
#include "model/run/batch.hpp"

namespace moxie::inline abi1::kernel {

/// One step of one runner: takes rows from the requests whose contexts belong to it, prepares their pages,
/// runs the model, and makes the rows part of their contexts; or leaves all as it was.
class Step {
 public:
  Step(Runner& runner, std::span<Request> requests) noexcept : runner_(runner), requests_(requests) {}

  /// At most `room` rows; says how many were computed. Only a lack of workspace fails.
  Result<std::size_t> run(std::size_t room) noexcept;

 private:
  /// One request's share of the batch.
  struct Share {
    Request* request = nullptr;
    std::size_t begin = 0;
    std::size_t rows = 0;
    std::size_t first_output = 0;
    std::size_t n_outputs = 0;
  };

  [[nodiscard]] bool belongs(const Request& request) const noexcept;
  [[nodiscard]] std::size_t outputs_of(const Request& request, std::size_t rows) const noexcept;
  void add(Request& request, std::size_t rows) noexcept;
  [[nodiscard]] model::Batch batch() const noexcept;
  void run_one_by_one() noexcept;
  static void finish(const Share& share, std::span<const TokenId> tokens, const Status& outcome) noexcept;
  static bool all_cancelled(const void* step) noexcept;

  Runner& runner_;
  std::span<Request> requests_;
  // Filled from the front while the batch is formed; memory of the workspace.
  std::span<Share> shares_;
  std::span<TokenId> tokens_;
  std::span<Position> positions_;
  std::span<model::Segment> segments_;
  std::span<model::Output> outputs_;
  std::size_t n_shares_ = 0;
  std::size_t n_rows_ = 0;
  std::size_t n_outputs_ = 0;
};

/// Why the host wants it to stop: kCancelled, kDeadline, or ok.
[[nodiscard]] Code stop_code(const Request& request) noexcept;
/// The same as an error of Kernel::step.
[[nodiscard]] Status stopped(const Request& request) noexcept;

}  // namespace moxie::kernel
