// SPDX-License-Identifier: Apache-2.0
// A check that cannot fail is worth nothing: each law is shown an expert that breaks it.
#include <moxie/testing/expert_laws.hpp>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <moxie/core/eigen.hpp>

#include "support/archetypes.hpp"
#include "support/catch.hpp"
#include "support/experts.hpp"

using namespace moxie;
using testing::check_expert_laws;

namespace {

constexpr std::size_t kD = 24;

struct Lawful : test::Scale {
  Lawful() : Scale{kD, 2.0f, 0.0f} {}
};

// Runs Lawful, then does something wrong with what it has.
struct Twisted : Lawful {
  using Twist = std::function<void(ConstRows, Rows, Workspace&)>;
  explicit Twisted(Twist f) : twist(std::move(f)) {}
  Status run(ConstRows x, Rows y, Workspace& ws) const {
    MOXIE_TRY(Lawful::run(x, y, ws));
    if (x.rows != 0) twist(x, y, ws);
    return {};
  }
  Twist twist;
};

// One type for all that are shown, so that the laws are compiled once.
struct Shown {
  template <class E>
  requires(!std::same_as<E, Shown>) explicit Shown(const E& e)
      : D(e.width()),
        scratch([&e](std::size_t T) { return e.scratch_bytes(T); }),
        ran([&e](ConstRows x, Rows y, Workspace& ws) { return e.run(x, y, ws); }) {}
  [[nodiscard]] std::size_t width() const noexcept { return D; }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept { return scratch(T); }
  Status run(ConstRows x, Rows y, Workspace& ws) const { return ran(x, y, ws); }

  std::size_t D;
  std::function<std::size_t(std::size_t)> scratch;
  std::function<Status(ConstRows, Rows, Workspace&)> ran;
};

std::string law_broken_by(const auto& expert) {
  const Status status = check_expert_laws(Shown(expert));
  UNSCOPED_INFO(status.message());
  return std::string(status.where());
}

}  // namespace

TEST_CASE("lawful experts pass") {
  CHECK(check_expert_laws(Lawful()).message() == "");
  CHECK(check_expert_laws(Lawful(), {.max_rows = 1}).message() == "");
  CHECK(check_expert_laws(Lawful(), {.max_rows = 0}).message() == "");
  CHECK(check_expert_laws(test::ExpertArchetype<test::Pinned>(0)).message() == "");
  CHECK(check_expert_laws(test::Scale{1, 3.0f, 1.0f}).message() == "");
}

TEST_CASE("an expert made of an Eigen product breaks the row law") {
  // The natural thing to write. Eigen multiplies one row by another path than many.
  struct EigenProduct : Lawful {
    Eigen::MatrixXf weights = Eigen::MatrixXf::Random(kD, kD);
    Status run(ConstRows x, Rows y, Workspace& ws) const {
      MOXIE_TRY(Lawful::run(x, y, ws));
      if (x.rows != 0) as_eigen(y) = as_eigen(x) * weights;
      return {};
    }
  };
  CHECK(law_broken_by(EigenProduct()) == "expert law: row");
}

TEST_CASE("an expert that normalises over the batch breaks the row law") {
  const auto centre = [](ConstRows x, Rows y, Workspace&) {
    for (std::size_t d = 0; d < kD; ++d) {
      float mean = 0.0f;
      for (std::size_t t = 0; t < x.rows; ++t) mean += x[t][d];
      for (std::size_t t = 0; t < x.rows; ++t) y[t][d] -= mean / static_cast<float>(x.rows);
    }
  };
  CHECK(law_broken_by(Twisted(centre)) == "expert law: row");
}

TEST_CASE("an expert that is wrong in one bit of one row of one batch size is found") {
  const auto last_bit = [](ConstRows x, Rows y, Workspace&) {
    if (x.rows == 64) y[63][kD - 1] = std::nextafter(y[63][kD - 1], 1e30f);
  };
  CHECK(law_broken_by(Twisted(last_bit)) == "expert law: row");
}

TEST_CASE("an expert whose result depends on the address, or on what y held, is found") {
  CHECK(law_broken_by(Twisted([](ConstRows x, Rows y, Workspace&) {
          if (x.stride != x.width) y[0][0] += 1.0f;
        })) == "expert law: repeat");
  struct Adds : Lawful {
    Status run(ConstRows x, Rows y, Workspace&) const {
      MOXIE_TRY(check_expert_shapes("Adds::run", kD, x, y));
      for (std::size_t t = 0; t < x.rows; ++t) {
        for (std::size_t d = 0; d < kD; ++d) y[t][d] += x[t][d];
      }
      return {};
    }
  };
  CHECK(law_broken_by(Adds()) == "expert law: repeat");
}

TEST_CASE("an expert that remembers is found") {
  int calls = 0;
  CHECK(law_broken_by(Twisted([&calls](ConstRows, Rows y, Workspace&) { y[0][0] += static_cast<float>(++calls); })) ==
        "expert law: repeat");
}

TEST_CASE("an expert that writes where it should not is found") {
  CHECK(law_broken_by(Twisted([](ConstRows, Rows y, Workspace&) { y.row(y.rows - 1)[kD] = 0.0f; })) ==
        "expert law: memory");
  CHECK(law_broken_by(Twisted([](ConstRows, Rows y, Workspace&) { y.data[-1] = 0.0f; })) == "expert law: memory");
  CHECK(law_broken_by(Twisted([](ConstRows, Rows y, Workspace&) {  // as if rows were always dense
          if (y.stride != kD) y.data[kD] = 0.0f;
        })) == "expert law: memory");
  CHECK(law_broken_by(Twisted([](ConstRows x, Rows, Workspace&) { const_cast<float&>(x[0][0]) = 0.5f; })) ==
        "expert law: memory");
}

TEST_CASE("an expert that misuses scratch is found") {
  struct Keeper : Lawful {
    [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 64; }
    Status run(ConstRows x, Rows y, Workspace& ws) const {
      MOXIE_TRY(Lawful::run(x, y, ws));
      return x.rows == 0 ? Status() : ws.take<float>(16).status();
    }
  };
  CHECK(law_broken_by(Keeper()) == "expert law: memory");

  struct Greedy : Lawful {  // asks for one row, takes one for each
    [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 4 * kD; }
    Status run(ConstRows x, Rows y, Workspace& ws) const {
      MOXIE_TRY(Lawful::run(x, y, ws));
      const Workspace::Frame frame(ws);
      return ws.rows(x.rows, kD).status();
    }
  };
  CHECK(law_broken_by(Greedy()) == "expert law: success");

  struct Unrounded : Lawful {  // a piece takes a multiple of 64 bytes
    [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept { return T * 4 * kD; }
    Status run(ConstRows x, Rows y, Workspace& ws) const {
      MOXIE_TRY(Lawful::run(x, y, ws));
      const Workspace::Frame frame(ws);
      return ws.rows(x.rows, kD).status();
    }
  };
  CHECK(law_broken_by(Unrounded()) == "expert law: success");

  struct Beyond : Lawful {  // writes one float after what it took
    [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 64; }
    Status run(ConstRows x, Rows y, Workspace& ws) const {
      MOXIE_TRY(Lawful::run(x, y, ws));
      if (x.rows == 0) return {};
      const Workspace::Frame frame(ws);
      MOXIE_TRY_LET(const auto piece, ws.take<float>(16));
      piece.data()[16] = 1.0f;
      return {};
    }
  };
  CHECK(law_broken_by(Beyond()) == "expert law: memory");

  struct Wrong : Lawful {  // too little scratch is another error
    [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 64; }
    Status run(ConstRows x, Rows y, Workspace& ws) const {
      if (x.rows != 0 && ws.free_bytes() < 64) return Status(Code::kNoMemory, "Wrong", "", "");
      return Lawful::run(x, y, ws);
    }
  };
  CHECK(law_broken_by(Wrong()) == "expert law: scratch");

  struct Careless : Lawful {  // too little scratch is another answer
    [[nodiscard]] std::size_t scratch_bytes(std::size_t) const noexcept { return 64; }
    Status run(ConstRows x, Rows y, Workspace& ws) const {
      MOXIE_TRY(Lawful::run(x, y, ws));
      if (x.rows != 0 && ws.free_bytes() < 64) y[0][0] = 0.0f;
      return {};
    }
  };
  CHECK(law_broken_by(Careless()) == "expert law: scratch");
}

TEST_CASE("an expert that checks no shapes is found") {
  struct Trusting : Lawful {
    Status run(ConstRows x, Rows y, Workspace&) const {
      for (std::size_t t = 0; t < std::min(x.rows, y.rows); ++t) {
        for (std::size_t d = 0; d < std::min(x.width, y.width); ++d) y[t][d] = x[t][d];
      }
      return {};
    }
  };
  CHECK(law_broken_by(Trusting()) == "expert law: shape");
}

TEST_CASE("an expert whose sizes make no sense is found") {
  CHECK(law_broken_by(test::Scale{0}) == "expert law: sizes");
  struct Falling : Lawful {
    [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept { return T == 64 ? 0 : 64; }
  };
  CHECK(law_broken_by(Falling()) == "expert law: sizes");
}

TEST_CASE("an expert that fails for nothing or throws is found") {
  struct NoRows : Lawful {
    Status run(ConstRows x, Rows y, Workspace& ws) const {
      if (x.rows == 0) return Status(Code::kShape, "NoRows", "rows", "none");
      return Lawful::run(x, y, ws);
    }
  };
  CHECK(law_broken_by(NoRows()) == "expert law: no rows");
  struct OddRows : Lawful {
    Status run(ConstRows x, Rows y, Workspace& ws) const {
      if (x.rows == 7) return Status(Code::kUnsupported, "OddRows", "another number of rows", "7");
      return Lawful::run(x, y, ws);
    }
  };
  CHECK(law_broken_by(OddRows()) == "expert law: success");
  struct Throwing : Lawful {
    Status run(ConstRows, Rows, Workspace&) const { throw std::runtime_error("no"); }
  };
  CHECK(check_expert_laws(Throwing()).code() == Code::kHostException);
}

TEST_CASE("a broken law says where, what was needed and what came") {
  const Status status = check_expert_laws(Twisted([](ConstRows x, Rows y, Workspace&) {
    if (x.rows == 3) y[2][8] = 0.25f;
  }));
  CHECK(std::string(status.message()).find("expert law: row: needed row 2 of 3, column 8, to be ") == 0);
  CHECK(status.came() == "0.25");
}
