// SPDX-License-Identifier: Apache-2.0
// A check that cannot fail is worth nothing: each law is shown a router that breaks it.
#include <moxie/testing/router_laws.hpp>

#include <algorithm>
#include <concepts>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include <moxie/router/any_router.hpp>
#include <moxie/router/top_k.hpp>

#include "support/archetypes.hpp"
#include "support/catch.hpp"

using namespace moxie;
using testing::check_router_laws;

namespace {

// A lawful router over 4 experts with 2 slots: the first two. Each test breaks one thing.
struct Lawful {
  static constexpr bool row_local = true;
  [[nodiscard]] std::size_t num_experts() const noexcept { return 4; }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return 2; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status route(const RouteIn& in, RouteOut out, Workspace&) const {
    MOXIE_TRY(check_route_shapes("Lawful::route", 4, 2, in, out));
    for (std::size_t t = 0; t < in.rows(); ++t) {
      out.experts[t][0] = 0, out.experts[t][1] = 1;
      out.weights[t][0] = out.weights[t][1] = 0.5f;
    }
    return {};
  }
};

// Runs Lawful, then does something wrong with what it has.
struct Twisted : Lawful {
  using Twist = std::function<void(const RouteIn&, RouteOut, Workspace&)>;
  explicit Twisted(Twist f) : twist(std::move(f)) {}
  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const {
    MOXIE_TRY(Lawful::route(in, out, ws));
    if (in.rows() != 0) twist(in, out, ws);
    return {};
  }
  Twist twist;
};

/// The better half of 6 logits, two for each of 3 experts.
struct ByPairs {
  static constexpr bool row_local = true;
  [[nodiscard]] std::size_t num_logits() const noexcept { return 6; }
  [[nodiscard]] std::size_t num_experts() const noexcept { return 3; }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return 1; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  Status route(const RouteIn& in, RouteOut out, Workspace&) const {
    MOXIE_TRY(check_route_shapes("ByPairs::route", expected, 3, 1, in, out));
    for (std::size_t t = 0; t < in.rows(); ++t) {
      const auto best = std::ranges::max_element(in.logits[t]) - in.logits[t].begin();
      out.experts[t][0] = static_cast<std::int32_t>(best / 2), out.weights[t][0] = 1.0f;
    }
    return {};
  }
  std::size_t expected = 6;  // another: it accepts what it cannot read
};

struct Capacity : Lawful {  // expert 0 takes one row of a batch
  static constexpr bool row_local = false;
  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const {
    MOXIE_TRY(Lawful::route(in, out, ws));
    for (std::size_t t = 1; t < in.rows(); ++t) {
      out.experts[t][0] = 1, out.experts[t][1] = kNoExpert;
      out.weights[t][1] = 0.0f;
    }
    return {};
  }
};

// The same, but denied.
struct Denied : Capacity {
  static constexpr bool row_local = true;
};

// One type for all that are shown, so that the laws are compiled once.
struct Shown {
  static constexpr bool row_local = true;
  template <class R>
  requires(!std::same_as<R, Shown>) explicit Shown(const R& r)
      : N(r.num_experts()),
        K(r.experts_per_token()),
        scratch([&r](std::size_t T) { return r.scratch_bytes(T); }),
        routed([&r](const RouteIn& in, RouteOut out, Workspace& ws) { return r.route(in, out, ws); }) {
    static_assert(R::row_local);
  }
  [[nodiscard]] std::size_t num_experts() const noexcept { return N; }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return K; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept { return scratch(T); }
  Status route(const RouteIn& in, RouteOut out, Workspace& ws) const { return routed(in, out, ws); }

  std::size_t N, K;
  std::function<std::size_t(std::size_t)> scratch;
  std::function<Status(const RouteIn&, RouteOut, Workspace&)> routed;
};

std::string law_broken_by(const auto& router) {
  const Status status = check_router_laws(Shown(router));
  UNSCOPED_INFO(status.message());
  return std::string(status.where());
}

}  // namespace

TEST_CASE("lawful routers pass") {
  CHECK(check_router_laws(Lawful()).message() == "");
  CHECK(check_router_laws(test::RouterArchetype<test::Pinned>(0)).message() == "");
  for (const std::size_t N : {1u, 2u, 7u, 128u}) {
    for (const Scores scores : {Scores::kSoftmax, Scores::kSigmoid}) {
      const TopKOptions options{.num_experts = N, .experts_per_token = std::min<std::size_t>(N, 8), .scores = scores};
      CHECK(check_router_laws(TopK::create(options).value(), {.max_rows = 33, .hidden_width = 5}).message() == "");
    }
  }
}

TEST_CASE("a router may read another number of logits than it has experts") {
  CHECK(num_logits_of(ByPairs()) == 6);
  CHECK(num_logits_of(Lawful()) == 4);
  CHECK(num_logits_of(AnyRouter::create(ByPairs()).value()) == 6);
  CHECK(check_router_laws(ByPairs()).message() == "");
  CHECK(check_router_laws(ByPairs{.expected = 3}).where() == "router law: no rows");
}

TEST_CASE("a router that looks at its neighbours breaks the row law") {
  CHECK(law_broken_by(Twisted([](const RouteIn& in, RouteOut out, Workspace&) {
          out.weights[0][0] = in.logits[in.rows() - 1][0];
        })) == "router law: row");
  CHECK(law_broken_by(Twisted([](const RouteIn& in, RouteOut out, Workspace&) {
          if (in.rows() == 64) std::swap(out.experts[63][0], out.experts[63][1]);
        })) == "router law: row");
}

TEST_CASE("a router that says so may look at its neighbours") {
  CHECK(check_router_laws(Capacity()).message() == "");
  CHECK(law_broken_by(Denied()) == "router law: row");
}

TEST_CASE("a row-local router that asks which experts are in memory is found") {
  CHECK(law_broken_by(Twisted([](const RouteIn& in, RouteOut out, Workspace&) {
          if (in.resident[1] == 0) out.experts[0][1] = 2;
        })) == "router law: repeat");
}

TEST_CASE("decisions that are none are found") {
  const auto twist = [](auto change) {
    return law_broken_by(
        Twisted([change](const RouteIn&, RouteOut out, Workspace&) { change(out.experts[0], out.weights[0]); }));
  };
  CHECK(twist([](auto experts, auto) { experts[1] = experts[0]; }) == "router law: decision");
  CHECK(twist([](auto experts, auto) { experts[0] = 4; }) == "router law: decision");
  CHECK(twist([](auto experts, auto) { experts[0] = -2; }) == "router law: decision");
  CHECK(twist([](auto, auto weights) { weights[1] = std::numeric_limits<float>::quiet_NaN(); }) ==
        "router law: decision");
  CHECK(twist([](auto, auto weights) { weights[1] = std::numeric_limits<float>::infinity(); }) ==
        "router law: decision");
  CHECK(twist([](auto experts, auto) { experts[1] = kNoExpert; }) == "router law: decision");  // keeps its weight
  CHECK(twist([](auto experts, auto weights) { experts[0] = kNoExpert, weights[0] = 0.0f; }) ==
        "router law: decision");  // a hole before expert 1
}

TEST_CASE("a router that forgets a slot is found") {
  struct Forgetful : Lawful {
    Status route(const RouteIn& in, RouteOut out, Workspace&) const {
      MOXIE_TRY(check_route_shapes("Forgetful::route", 4, 2, in, out));
      for (std::size_t t = 0; t < in.rows(); ++t) out.experts[t][0] = 0, out.weights[t][0] = 1.0f;
      return {};
    }
  };
  CHECK(law_broken_by(Forgetful()) == "router law: decision");
}

TEST_CASE("a router that writes where it should not is found") {
  CHECK(law_broken_by(Twisted([](const RouteIn& in, RouteOut out, Workspace&) {
          out.experts.row(in.rows() - 1)[2] = 0;  // one id too many
        })) == "router law: memory");
  CHECK(law_broken_by(Twisted([](const RouteIn& in, RouteOut, Workspace&) {
          const_cast<float&>(in.logits[0][0]) += 1.0f;
        })) == "router law: memory");
  CHECK(law_broken_by(Twisted([](const RouteIn&, RouteOut out, Workspace&) {
          const float* dense = out.weights.data;
          const_cast<float*>(dense)[-1] = 0.0f;
        })) == "router law: memory");
}

TEST_CASE("a router that keeps scratch or uses more than it asked for is found") {
  struct Keeper : Lawful {
    [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 64; }
    Status route(const RouteIn& in, RouteOut out, Workspace& ws) const {
      MOXIE_TRY(Lawful::route(in, out, ws));
      return in.rows() == 0 ? Status() : ws.take<float>(16).status();
    }
  };
  CHECK(law_broken_by(Keeper()) == "router law: memory");
  struct Greedy : Lawful {
    Status route(const RouteIn& in, RouteOut out, Workspace& ws) const {
      MOXIE_TRY(Lawful::route(in, out, ws));
      const Workspace::Frame frame(ws);
      return in.rows() == 0 ? Status() : ws.take<float>(1).status();
    }
  };
  CHECK(law_broken_by(Greedy()) == "router law: success");
}

TEST_CASE("a router that checks no shapes is found") {
  struct Trusting : Lawful {
    Status route(const RouteIn& in, RouteOut out, Workspace&) const {
      for (std::size_t t = 0; t < std::min(out.experts.rows, out.weights.rows); ++t) {
        if (out.experts.width < 2 || out.weights.width < 2) continue;
        out.experts[t][0] = 0, out.experts[t][1] = 1;
        out.weights[t][0] = out.weights[t][1] = 0.5f;
      }
      return in.rows() == 0 ? Status() : Status();
    }
  };
  CHECK(law_broken_by(Trusting()) == "router law: shape");
}

TEST_CASE("a router whose sizes make no sense is found") {
  struct None : Lawful {
    [[nodiscard]] std::size_t num_experts() const noexcept { return 0; }
  };
  CHECK(law_broken_by(None()) == "router law: sizes");
  struct Wide : Lawful {
    [[nodiscard]] std::size_t experts_per_token() const noexcept { return 5; }
  };
  CHECK(law_broken_by(Wide()) == "router law: sizes");
  struct Falling : Lawful {
    [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept { return T > 10 ? 0 : 64; }
  };
  CHECK(law_broken_by(Falling()) == "router law: sizes");
}

TEST_CASE("a router that fails for nothing or throws is found") {
  struct NoRows : Lawful {
    Status route(const RouteIn& in, RouteOut out, Workspace& ws) const {
      if (in.rows() == 0) return Status(Code::kShape, "NoRows", "rows", "none");
      return Lawful::route(in, out, ws);
    }
  };
  CHECK(law_broken_by(NoRows()) == "router law: no rows");
  struct Throwing : Lawful {
    Status route(const RouteIn&, RouteOut, Workspace&) const { throw std::runtime_error("no"); }
  };
  CHECK(check_router_laws(Throwing()).code() == Code::kHostException);
}
