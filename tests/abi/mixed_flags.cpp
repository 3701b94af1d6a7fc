// SPDX-License-Identifier: Apache-2.0
// A host with one file that is compiled with exceptions and one without. What the first one registers or calls is
// caught, whichever body the linker took of what both have.
#include <array>
#include <cstdio>
#include <stdexcept>

#include "plugins.hpp"

using namespace moxie;

namespace host {

Status ThrowingRouter::route(const RouteIn&, RouteOut, Workspace&) const { throw std::runtime_error("router"); }
Status ThrowingExpert::run(ConstRows, Rows, Workspace& ws) const {
  const Workspace::Frame frame(ws);
  throw std::runtime_error("expert");
}
Status ThrowingLinear::apply(ConstRows, Rows, Workspace&) const { throw std::runtime_error("linear"); }
Status FirstRouter::route(const RouteIn&, RouteOut out, Workspace&) const {
  for (std::size_t t = 0; t < out.experts.rows; ++t) out.experts[t][0] = 0, out.weights[t][0] = 1.0f;
  return {};
}
std::string ThrowingCall::operator()(Arg<"n", std::int64_t>) const { throw std::runtime_error("tool"); }
Status ThrowingTask::operator()(std::size_t, Workspace&) const { throw std::runtime_error("task"); }
Status ThrowingPool::operator()(std::size_t, TaskRef) const { throw std::runtime_error("pool"); }

}  // namespace host

namespace {

int failures = 0;

/// `call` gives kHostException. Where the catch is gone, the exception ends here, or nowhere.
template <class Call>
void caught(const char* what, Call&& call) {
  Status status;
  try {
    status = call();
  } catch (const std::exception&) {
    std::printf("%s: the exception came through\n", what);
    ++failures;
    return;
  }
  if (status.code() != Code::kHostException) {
    std::printf("%s: needed kHostException, came '%s'\n", what, std::string(status.message()).c_str());
    ++failures;
  }
}

Status route(const Result<AnyRouter>& router) {
  Workspace ws;
  return router.ok() ? router->route({}, {}, ws) : router.status();
}

/// Whatever the expert took of the workspace is given back, too.
Status run(const Result<AnyExpert>& expert) {
  MOXIE_TRY(expert.status());
  alignas(64) std::array<std::byte, 1024> memory{};
  std::array<float, 4> x{};
  std::array<float, 4> y{};
  Workspace ws(memory);
  const Status status = expert->run({x.data(), 1, 4}, {y.data(), 1, 4}, ws);
  if (ws.free_bytes() != memory.size()) return Status(Code::kInternal, "workspace", "all given back", "a part is gone");
  return status;
}

Status call_tool(const host::Face& face) {
  Toolbox toolbox;
  MOXIE_TRY(face.add_tool(toolbox));
  MOXIE_TRY(toolbox.grant("throws"));
  return toolbox.call("throws", R"({"n":1})").status;
}

}  // namespace

int main() {
  const host::Face& face = host::with_exceptions;
  caught("AnyRouter::create", [&] { return route(face.router()); });
  caught("AnyRouter::share", [&] { return route(face.shared_router()); });
  caught("AnyExpert::create", [&] { return run(face.expert()); });
  caught("AnyExpert::share", [&] { return run(face.shared_expert()); });
  caught("GatedMlp", [&] { return run(face.mlp()); });
  caught("Toolbox::add", [&] { return call_tool(face); });
  caught("HostExecutor", [&] {
    auto task = [](std::size_t, std::size_t) noexcept {};
    return face.pool()->run(1, TaskRef(task));
  });
  caught("Workers::each", [&] { return face.each(); });
  caught("MoeLayer", [&] { return face.layer(); });
  caught("TupleBank", [&] { return face.layer_of_a_tuple(); });
  caught("check_expert_laws, check_router_laws", [&] { return face.laws(); });
  HostCallbacks callbacks;
  callbacks.on_progress = [](const Progress&) -> bool { throw std::runtime_error("progress"); };
  callbacks.on_log = [](LogLevel, std::string_view) { throw std::runtime_error("log"); };
  caught("HostCallbacks::progress", [&] { return face.progress(callbacks); });
  caught("HostCallbacks::log", [&] {
    face.log(callbacks);  // says nothing of it
    return Status(Code::kHostException, "log", "", "");
  });

  // The file without exceptions is there to be linked; its handles work as long as nothing throws.
  if (!host::without_exceptions.expert().ok() || host::without_exceptions.expert()->width() != 4) ++failures;
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
