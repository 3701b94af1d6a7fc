// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <moxie/core/executor.hpp>
#include <moxie/core/host.hpp>
#include <moxie/core/workspace.hpp>
#include <moxie/expert/any_expert.hpp>
#include <moxie/router/any_router.hpp>
#include <moxie/tool/toolbox.hpp>

// Plug-ins that throw. Both files of the host see the same types and make the same handles of them, so that the linker
// finds everything twice that does not depend on the flags. What throws is compiled once, with exceptions.
namespace host {

struct ThrowingRouter {
  static constexpr bool row_local = true;
  [[nodiscard]] std::size_t num_experts() const noexcept { return 2; }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return 1; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  moxie::Status route(const moxie::RouteIn& in, moxie::RouteOut out, moxie::Workspace& ws) const;
};

struct ThrowingExpert {
  [[nodiscard]] std::size_t width() const noexcept { return 4; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 64; }
  moxie::Status run(moxie::ConstRows x, moxie::Rows y, moxie::Workspace& ws) const;
};

struct ThrowingLinear {
  [[nodiscard]] std::size_t in_width() const noexcept { return 4; }
  [[nodiscard]] std::size_t out_width() const noexcept { return 4; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  moxie::Status apply(moxie::ConstRows x, moxie::Rows y, moxie::Workspace& ws) const;
};

/// Chooses expert 0 for every row.
struct FirstRouter : ThrowingRouter {
  moxie::Status route(const moxie::RouteIn& in, moxie::RouteOut out, moxie::Workspace& ws) const;
};

struct ThrowingCall {
  std::string operator()(moxie::Arg<"n", std::int64_t> n) const;
};

struct ThrowingTask {
  moxie::Status operator()(std::size_t index, moxie::Workspace& ws) const;
};

struct ThrowingPool {
  moxie::Status operator()(std::size_t n, moxie::TaskRef task) const;
};

/// What a file of the host makes, and calls that it makes itself.
struct Face {
  moxie::Result<moxie::AnyRouter> (*router)();
  moxie::Result<moxie::AnyRouter> (*shared_router)();
  moxie::Result<moxie::AnyExpert> (*expert)();
  moxie::Result<moxie::AnyExpert> (*shared_expert)();
  moxie::Result<moxie::AnyExpert> (*mlp)();
  moxie::Status (*add_tool)(moxie::Toolbox& toolbox);
  std::unique_ptr<moxie::Executor> (*pool)();
  moxie::Status (*each)();
  moxie::Status (*layer)();
  moxie::Status (*layer_of_a_tuple)();
  moxie::Status (*laws)();
  moxie::Status (*progress)(const moxie::HostCallbacks& callbacks);
  void (*log)(const moxie::HostCallbacks& callbacks);
};

extern const Face with_exceptions;
extern const Face without_exceptions;

}  // namespace host
