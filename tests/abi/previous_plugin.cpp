// SPDX-License-Identifier: Apache-2.0
// A plug-in that was built against earlier headers, in which the tables had their required members alone. It has copies
// of those declarations, so that it stays as it is when the tables grow.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <moxie/expert/expert.hpp>
#include <moxie/router/router.hpp>

#include "previous_header.hpp"

using namespace moxie;

namespace {

struct RouterTable {
  static constexpr std::uint32_t kVersion = 2;

  std::uint32_t size = sizeof(RouterTable);
  std::uint32_t version = kVersion;
  std::size_t (*num_experts)(const void* self) noexcept = nullptr;
  std::size_t (*experts_per_token)(const void* self) noexcept = nullptr;
  Status (*route)(const void* self, const RouteIn& in, RouteOut out, Workspace& ws) noexcept = nullptr;
};

struct ExpertTable {
  static constexpr std::uint32_t kVersion = 2;

  std::uint32_t size = sizeof(ExpertTable);
  std::uint32_t version = kVersion;
  std::size_t (*width)(const void* self) noexcept = nullptr;
  Status (*run)(const void* self, ConstRows x, Rows y, Workspace& ws) noexcept = nullptr;
};

/// Behind the table lies what is no function: whoever calls it crashes.
template <class Table>
struct Followed {
  Table table;
  std::uintptr_t beyond[8] = {1, 1, 1, 1, 1, 1, 1, 1};
};

constexpr Followed<RouterTable> kRouter = {
    .table = {.num_experts = [](const void*) noexcept -> std::size_t { return 2; },
              .experts_per_token = [](const void*) noexcept -> std::size_t { return 1; },
              .route =
                  [](const void*, const RouteIn& in, RouteOut out, Workspace&) noexcept {
                    MOXIE_TRY(check_route_shapes("previous router", 2, 1, in, out));
                    for (std::size_t t = 0; t < in.rows(); ++t) {
                      out.experts[t][0] = in.logits[t][0] < in.logits[t][1] ? 1 : 0;
                      out.weights[t][0] = 1.0f;
                    }
                    return Status();
                  }}};

constexpr Followed<ExpertTable> kExpert = {
    .table = {.width = [](const void*) noexcept -> std::size_t { return 4; },
              .run =
                  [](const void* self, ConstRows x, Rows y, Workspace&) noexcept {
                    MOXIE_TRY(check_expert_shapes("previous expert", 4, x, y));
                    const float scale = *static_cast<const float*>(self);
                    for (std::size_t t = 0; t < x.rows; ++t) {
                      std::transform(x[t].begin(), x[t].end(), y[t].begin(), [&](float v) { return scale * v; });
                    }
                    return Status();
                  }}};

}  // namespace

const void* previous_router_table() { return &kRouter.table; }
const void* previous_expert_table() { return &kExpert.table; }
std::shared_ptr<const void> previous_object() { return std::make_shared<const float>(2.0f); }
