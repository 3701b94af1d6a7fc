// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include <moxie/core/guard.hpp>
#include <moxie/router/router.hpp>

namespace moxie::inline abi1 {

/// A router as a table of functions over an object: what crosses the border of a shared library.
///
/// `size` and `version` are set by whoever made the table, from the header that he was built with.
/// Members are only ever added at the end; a change of meaning raises kVersion.
///
/// Errors   no function throws.
/// Threads  as Router: every function may be called from any thread.
struct RouterTable {
  static constexpr std::uint32_t kVersion = 1;

  std::uint32_t size = sizeof(RouterTable);
  std::uint32_t version = kVersion;
  std::size_t (*num_experts)(const void* self) noexcept = nullptr;
  std::size_t (*experts_per_token)(const void* self) noexcept = nullptr;
  std::size_t (*scratch_bytes)(const void* self, std::size_t T) noexcept = nullptr;
  bool (*row_local)(const void* self) noexcept = nullptr;
  Status (*route)(const void* self, const RouteIn& in, RouteOut out, Workspace& ws) noexcept = nullptr;
};

/// Any router behind one type, chosen at run time. It is a Router itself.
///
///     AnyRouter router = AnyRouter::create(TopK::create(options).value()).value();
///
/// A copy is a second handle on the same router. There is no empty AnyRouter: a move copies.
///
/// Errors   create: kNoMemory.  share, adopt: kInvalidArgument for null.  adopt: kUnsupported for a
///          table of another version, or one that is too short.  route: as the router; kHostException
///          where it throws.
/// Threads  as Router.
class AnyRouter {
 public:
  /// Takes the router over.
  template <Router R>
  static Result<AnyRouter> create(R router) noexcept {
    if constexpr (std::is_same_v<R, AnyRouter>) {
      return router;
    } else {
      MOXIE_TRY_LET(std::shared_ptr<const R> object, make_shared_value("AnyRouter::create", std::move(router)));
      return AnyRouter(std::move(object), &kTableOf<R>);
    }
  }

  /// Shares a router with the host.
  template <Router R>
  static Result<AnyRouter> share(std::shared_ptr<const R> router) noexcept {
    if (router == nullptr) return Status(Code::kInvalidArgument, "AnyRouter::share", "a router", "null");
    return AnyRouter(std::move(router), &kTableOf<R>);
  }

  /// Takes a table and its object as they are. The table must live as long as the object.
  static Result<AnyRouter> adopt(const RouterTable* table, std::shared_ptr<const void> object) noexcept {
    if (table == nullptr || object == nullptr) {
      return Status(Code::kInvalidArgument, "AnyRouter::adopt", "a table and an object",
                    table == nullptr ? "no table" : "no object");
    }
    if (table->version != RouterTable::kVersion || table->size < sizeof(RouterTable)) {
      return Status(Code::kUnsupported, "AnyRouter::adopt",
                    Text("a table of version ", RouterTable::kVersion, " and ", sizeof(RouterTable), " bytes"),
                    Text("version ", table->version, " and ", table->size, " bytes"));
    }
    if (table->num_experts == nullptr || table->experts_per_token == nullptr || table->scratch_bytes == nullptr ||
        table->row_local == nullptr || table->route == nullptr) {
      return Status(Code::kInvalidArgument, "AnyRouter::adopt", "every function of the table", "a null function");
    }
    return AnyRouter(std::move(object), table);
  }

  AnyRouter(const AnyRouter&) noexcept = default;
  AnyRouter& operator=(const AnyRouter&) noexcept = default;
  ~AnyRouter() = default;

  [[nodiscard]] std::size_t num_experts() const noexcept { return table_->num_experts(object_.get()); }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return table_->experts_per_token(object_.get()); }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept {
    return table_->scratch_bytes(object_.get(), T);
  }
  [[nodiscard]] bool row_local() const noexcept { return table_->row_local(object_.get()); }
  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const noexcept {
    return table_->route(object_.get(), in, out, ws);
  }

 private:
  AnyRouter(std::shared_ptr<const void> object, const RouterTable* table) noexcept
      : object_(std::move(object)), table_(table) {}

  template <class R>
  static const R& as(const void* self) noexcept {
    return *static_cast<const R*>(self);
  }

  template <class R>
  static constexpr RouterTable kTableOf{
      .num_experts = [](const void* self) noexcept { return as<R>(self).num_experts(); },
      .experts_per_token = [](const void* self) noexcept { return as<R>(self).experts_per_token(); },
      .scratch_bytes = [](const void* self, std::size_t T) noexcept { return as<R>(self).scratch_bytes(T); },
      .row_local = [](const void* self) noexcept { return is_row_local(as<R>(self)); },
      .route =
          [](const void* self, const RouteIn& in, RouteOut out, Workspace& ws) noexcept {
            return guarded("AnyRouter::route", [&] { return as<R>(self).route(in, out, ws); });
          }};

  std::shared_ptr<const void> object_;
  const RouterTable* table_;
};

static_assert(Router<AnyRouter>);

}  // namespace moxie
