// SPDX-License-Identifier: Apache-2.0
#include <moxie/moe/bank.hpp>

#include <vector>

#include <moxie/expert/any_expert.hpp>
#include <moxie/testing/guarded_memory.hpp>

#include "support/catch.hpp"
#include "support/experts.hpp"

using namespace moxie;
using test::Scale;

namespace {

// What each expert of a bank makes of 1.
template <Bank B>
std::vector<float> of_one(const B& bank) {
  std::vector<float> made;
  for (std::size_t e = 0; e < bank.size(); ++e) {
    testing::GuardedRows<float> x(1, bank.width()), y(1, bank.width());
    x.fill(1.0f);
    testing::GuardedScratch scratch(bank.scratch_bytes(1));
    CHECK(bank.run(e, x.view(), y.view(), scratch.workspace()).ok());
    made.push_back(y[0][0]);
  }
  return made;
}

}  // namespace

TEST_CASE("a bank calls the expert that was named") {
  const auto same = ExpertBank<Scale>::create({{2, 1.0f}, {2, 2.0f}, {2, 3.0f}});
  CHECK(of_one(*same) == std::vector<float>{1, 2, 3});
  const auto mixed =
      ExpertBank<AnyExpert>::create({*AnyExpert::create(Scale{3, 5.0f}), *AnyExpert::create(test::plain_mlp(3, 4, 1))});
  CHECK(of_one(*mixed)[0] == 5.0f);
  const auto tuple =
      TupleBank<Scale, AnyExpert, Scale>::create({1, 7.0f}, *AnyExpert::create(Scale{1, 8.0f}), {1, 9.0f});
  CHECK(of_one(*tuple) == std::vector<float>{7, 8, 9});
  CHECK(tuple->get<2>().factor == 9.0f);
}

TEST_CASE("a bank asks for the scratch of its hungriest expert") {
  const auto small = test::plain_mlp(3, 4, 1);
  const auto large = test::plain_mlp(3, 400, 1);
  const auto vector = ExpertBank<test::PlainMlp>::create({small, large, small});
  const auto tuple = TupleBank<Scale, test::PlainMlp, test::PlainMlp>::create({3}, large, small);
  for (const std::size_t T : {0u, 1u, 5u, 64u}) {
    CHECK(vector->scratch_bytes(T) == large.scratch_bytes(T));
    CHECK(tuple->scratch_bytes(T) == large.scratch_bytes(T));
  }
}

TEST_CASE("a bank refuses experts of different widths, or none") {
  CHECK(ExpertBank<Scale>::create({}).status().code() == Code::kInvalidArgument);
  CHECK(ExpertBank<Scale>::create({{2}, {2}, {3}}).status().message() ==
        "ExpertBank::create: needed experts of width 2, as expert 0, came width 3 for expert 2");
  CHECK(TupleBank<Scale, Scale>::create({2}, {3}).status().message() ==
        "TupleBank::create: needed experts of width 2, as expert 0, came width 3 for expert 1");
}
