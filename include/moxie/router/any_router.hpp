// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include <moxie/core/function_table.hpp>
#include <moxie/core/guard.hpp>
#include <moxie/router/router.hpp>

namespace moxie::inline abi1 {

/// A router as a table of functions over an object: what crosses the border of a shared library.
///
/// core/function_table.hpp says how tables of different headers get along.
///
/// Errors   no function throws.
/// Threads  as Router: every function may be called from any thread.
struct RouterTable {
  static constexpr std::uint32_t kVersion = 2;

  std::uint32_t size = sizeof(RouterTable);
  std::uint32_t version = kVersion;
  std::size_t (*num_experts)(const void* self) noexcept = nullptr;
  std::size_t (*experts_per_token)(const void* self) noexcept = nullptr;
  Status (*route)(const void* self, const RouteIn& in, RouteOut out, Workspace& ws) noexcept = nullptr;
  /// Optional. Absent: 0, route needs no scratch.
  std::size_t (*scratch_bytes)(const void* self, std::size_t T) noexcept = nullptr;
  /// Optional. Absent: false, so that route gets all rows of a step in one call.
  bool (*row_local)(const void* self) noexcept = nullptr;
  /// Optional. Absent: as many as num_experts says.
  std::size_t (*num_logits)(const void* self) noexcept = nullptr;
  /// Optional. Absent: it cannot weigh what others chose (WeighingRouter).
  Status (*weigh)(const void* self, const RouteIn& in, RouteOut out, Workspace& ws) noexcept = nullptr;
};

/// Any router behind one type, chosen at run time. It is a Router itself.
///
///     AnyRouter router = AnyRouter::create(TopK::create(options).value()).value();
///
/// A copy is a second handle on the same router. There is no empty AnyRouter: a move copies.
///
/// Errors   create: kNoMemory.  share: kInvalidArgument for null.  adopt: as check_table().
///          route, weigh: as the router; kHostException where it throws.  weigh: kUnsupported where can_weigh() is
///          false.
/// Threads  as Router.
class AnyRouter {
 public:
  /// Takes the router over.
  template <Router R>
  MOXIE_OPTION_TAG static Result<AnyRouter> create(R router) noexcept {
    if constexpr (std::is_same_v<R, AnyRouter>) {
      return router;
    } else {
      MOXIE_TRY_LET(std::shared_ptr<const R> object, make_shared_value("AnyRouter::create", std::move(router)));
      const RouterTable* const table = table_of(*object);
      return AnyRouter(std::move(object), table);
    }
  }

  /// Shares a router with the host.
  template <Router R>
  MOXIE_OPTION_TAG static Result<AnyRouter> share(std::shared_ptr<const R> router) noexcept {
    if (router == nullptr) return Status(Code::kInvalidArgument, "AnyRouter::share", "a router", "null");
    const RouterTable* const table = table_of(*router);
    return AnyRouter(std::move(router), table);
  }

  /// Takes a table and its object as they are. The table must live as long as the object.
  static Result<AnyRouter> adopt(const RouterTable* table, std::shared_ptr<const void> object) noexcept {
    MOXIE_TRY(check_table("AnyRouter::adopt", table, object.get(), &RouterTable::num_experts,
                          &RouterTable::experts_per_token, &RouterTable::route));
    return AnyRouter(std::move(object), table);
  }

  AnyRouter(const AnyRouter&) noexcept = default;
  AnyRouter& operator=(const AnyRouter&) noexcept = default;
  ~AnyRouter() = default;

  [[nodiscard]] std::size_t num_experts() const noexcept { return table_->num_experts(object_.get()); }
  [[nodiscard]] std::size_t num_logits() const noexcept {
    const auto num_logits = optional_function(table_, &RouterTable::num_logits);
    return num_logits == nullptr ? num_experts() : num_logits(object_.get());
  }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return table_->experts_per_token(object_.get()); }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept {
    const auto scratch_bytes = optional_function(table_, &RouterTable::scratch_bytes);
    return scratch_bytes == nullptr ? 0 : scratch_bytes(object_.get(), T);
  }
  [[nodiscard]] bool row_local() const noexcept {
    const auto row_local = optional_function(table_, &RouterTable::row_local);
    return row_local != nullptr && row_local(object_.get());
  }
  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const noexcept {
    return table_->route(object_.get(), in, out, ws);
  }
  [[nodiscard]] bool can_weigh() const noexcept { return optional_function(table_, &RouterTable::weigh) != nullptr; }
  Status weigh(const RouteIn& in, RouteOut out, Workspace& ws) const noexcept {
    const auto weigh = optional_function(table_, &RouterTable::weigh);
    if (weigh == nullptr) {
      return Status(Code::kUnsupported, "AnyRouter::weigh", "a router that weighs what others chose",
                    "one without weigh()");
    }
    return weigh(object_.get(), in, out, ws);
  }

 private:
  AnyRouter(std::shared_ptr<const void> object, const RouterTable* table) noexcept
      : object_(std::move(object)), table_(table) {}

  template <class R>
  static const R& as(const void* self) noexcept {
    return *static_cast<const R*>(self);
  }

  template <class R>
  MOXIE_OPTION_TAG static Status route_guarded(const void* self, const RouteIn& in, RouteOut out,
                                               Workspace& ws) noexcept {
    return guarded("AnyRouter::route", [&] { return as<R>(self).route(in, out, ws); });
  }

  template <class R>
  MOXIE_OPTION_TAG static Status weigh_guarded(const void* self, const RouteIn& in, RouteOut out,
                                               Workspace& ws) noexcept {
    return guarded("AnyRouter::weigh", [&] { return as<R>(self).weigh(in, out, ws); });
  }
  template <class R, bool kWeighs>
  MOXIE_OPTION_TAG static constexpr auto weigh_of() noexcept -> decltype(RouterTable::weigh) {
    if constexpr (kWeighs) {
      return &weigh_guarded<R>;
    } else {
      return nullptr;
    }
  }
  /// A wrapper's router learns at run time whether what it wraps can weigh.
  template <class R>
  MOXIE_OPTION_TAG static const RouterTable* table_of(const R& router) noexcept {
    if constexpr (WeighingRouter<R>) {
      if (moxie::can_weigh(router)) return &kTableOf<R, true>;
    }
    return &kTableOf<R, false>;
  }

  template <class R, bool kWeighs>
  MOXIE_OPTION_TAG static constexpr RouterTable kTableOf{
      .num_experts = [](const void* self) noexcept { return as<R>(self).num_experts(); },
      .experts_per_token = [](const void* self) noexcept { return as<R>(self).experts_per_token(); },
      .route = &route_guarded<R>,
      .scratch_bytes = [](const void* self, std::size_t T) noexcept { return as<R>(self).scratch_bytes(T); },
      .row_local = [](const void* self) noexcept { return is_row_local(as<R>(self)); },
      .num_logits = [](const void* self) noexcept { return num_logits_of(as<R>(self)); },
      .weigh = weigh_of<R, kWeighs>()};

  std::shared_ptr<const void> object_;
  const RouterTable* table_;
};

static_assert(WeighingRouter<AnyRouter>);

}  // namespace moxie
