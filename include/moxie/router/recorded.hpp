// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>

#include <moxie/router/wrapper.hpp>

namespace moxie::inline abi1 {

/// Is told what a router decided: `Status operator()(const RouteIn&, const RouteOut&) const`.
template <class F>
concept RouteObserver = std::destructible<F> && requires(const F& observe, const RouteIn& in, const RouteOut& out) {
  { observe(in, out) } -> std::same_as<Status>;
};

/// Tells an observer what its router decided, and changes nothing. For routers of a layer of one's own; of a loaded
/// model Pathway::record() tells more.
///
///     auto router = Recorded<TopK, Log>::create(std::move(top_k), Log{&lines}).value();
///
/// Shapes   as Router.
/// Errors   route: as the router; what the observer returns.
/// Threads  as the router. The observer is called from many threads at once, with the rows of a call.
template <Router R, RouteObserver F>
class Recorded : public detail::WrappedRouter<R> {
 public:
  static Result<Recorded> create(R router, F observer) { return Recorded(std::move(router), std::move(observer)); }

  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept { return this->inner_.scratch_bytes(T); }
  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const {
    MOXIE_TRY(this->inner_.route(in, out, ws));
    return in.rows() == 0 ? Status() : observer_(in, out);
  }
  Status weigh(const RouteIn& in, RouteOut out, Workspace& ws) const requires WeighingRouter<R> {
    return this->inner_.weigh(in, out, ws);
  }

 private:
  Recorded(R router, F observer) : detail::WrappedRouter<R>(std::move(router)), observer_(std::move(observer)) {}

  F observer_;
};

}  // namespace moxie
