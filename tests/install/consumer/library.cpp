// SPDX-License-Identifier: Apache-2.0
// Calls what moxie::moxie compiles, something of each layer, so that a name that is not exported, or a
// dependency that is not handed on, shows when this is linked.
#include <array>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include <moxie/backend/backend.hpp>
#include <moxie/backend/executors.hpp>
#include <moxie/backend/matmul.hpp>
#include <moxie/context/context.hpp>
#include <moxie/context/kv_pool.hpp>
#include <moxie/core/result.hpp>
#include <moxie/core/version.hpp>
#include <moxie/moxie.hpp>

namespace {

moxie::Status expect(bool holds, const char* what) {
  return holds ? moxie::Status() : moxie::Status(moxie::Code::kInternal, "consumer", what, "something else");
}

moxie::Status use_backend() {
  MOXIE_TRY_LET(const moxie::Backend backend, moxie::Backend::create());
  MOXIE_TRY_LET(const moxie::BackendInfo info, backend.info());
  std::printf("isa %s, onednn %s\n", info.isa.c_str(), info.onednn.c_str());

  constexpr std::array<float, 2> x = {1, 2};
  constexpr std::array<float, 4> w = {3, 4, 5, 6};
  std::array<float, 2> y{};
  MOXIE_TRY_LET(moxie::AlignedBuffer scratch, moxie::AlignedBuffer::create(moxie::matmul_scratch_bytes(2) + 64));
  moxie::Workspace workspace(scratch.bytes());
  MOXIE_TRY(moxie::matmul({x.data(), 1, 2}, {w.data(), 2, 2}, {y.data(), 1, 2}, workspace));
  return expect(y[0] == 11 && y[1] == 17, "[1 2] times [3 4; 5 6] transposed to be [11 17]");
}

moxie::Status use_executors() {
  for (const auto kind : {moxie::ExecutorKind::kSerial, moxie::ExecutorKind::kThreads, moxie::ExecutorKind::kOpenMp}) {
    if (!moxie::executor_available(kind)) continue;
    MOXIE_TRY_LET(const std::unique_ptr<moxie::Executor> executor, moxie::make_executor(kind, 2));
    std::array<int, 8> calls{};
    auto count = [&calls](std::size_t i, std::size_t) noexcept { ++calls[i]; };
    MOXIE_TRY(executor->run(calls.size(), moxie::TaskRef(count)));
    for (const int n : calls) MOXIE_TRY(expect(n == 1, "each task to run once"));
  }
  return {};
}

moxie::Status use_contexts() {
  const auto budget = moxie::Budget::create("pages", std::uint64_t{1} << 24);
  moxie::KvShape shape;
  shape.layers = 2;
  shape.kv_heads = 1;
  shape.key_width = 8;
  shape.value_width = 8;
  MOXIE_TRY_LET(const std::shared_ptr<moxie::KvPool> pool, moxie::KvPool::create(shape, budget));
  MOXIE_TRY_LET(moxie::Context context, moxie::Context::create(pool));
  MOXIE_TRY(context.reserve(1));
  return expect(budget->used() > 0 && context.size() == 0, "a reservation to be charged");
}

/// An expert of the host's.
struct Negative {
  std::size_t D;
  std::size_t width() const noexcept { return D; }
  std::size_t scratch_bytes(std::size_t) const noexcept { return 0; }
  moxie::Status run(moxie::ConstRows x, moxie::Rows y, moxie::Workspace&) const {
    for (std::size_t t = 0; t < x.rows; ++t) {
      for (std::size_t d = 0; d < D; ++d) y[t][d] = -x[t][d];
    }
    return {};
  }
};

// The logits of the last of `tokens`, fed in pieces of at most `rows`.
moxie::Status run_model(moxie::Kernel& kernel, const moxie::Pathway& pathway, std::size_t rows,
                        std::vector<float>& out) {
  constexpr std::array<moxie::TokenId, 5> tokens = {1, 2, 3, 4, 5};
  out.assign(pathway.model().config().vocab_size, 0.0f);
  MOXIE_TRY_LET(moxie::Context context, kernel.open(pathway));
  moxie::Request request;
  request.context = &context;
  request.tokens = tokens;
  request.logits = moxie::Rows(out.data(), 1, out.size());
  request.max_rows = rows;
  while (!request.finished()) MOXIE_TRY(kernel.step({&request, 1}).status());
  return request.status;
}

moxie::Status use_model(const char* folder) {
  MOXIE_TRY_LET(const moxie::Model model, moxie::Model::load(folder));
  moxie::KernelOptions options;
  options.threads = 2;
  MOXIE_TRY_LET(moxie::Kernel kernel, moxie::Kernel::create(options));
  std::vector<float> at_once, one_by_one;
  const moxie::Pathway plain(model);
  MOXIE_TRY(run_model(kernel, plain, 8, at_once));
  MOXIE_TRY(run_model(kernel, plain, 1, one_by_one));
  MOXIE_TRY(expect(at_once == one_by_one, "the same logits from a whole prompt and from single tokens"));

  moxie::Pathway equal = plain;
  moxie::Pathway other = plain;
  for (std::size_t e = 0; e < model.config().num_experts; ++e) {
    MOXIE_TRY_LET(moxie::AnyExpert own, model.expert({0, e}));
    MOXIE_TRY_LET(equal, equal.replace_expert({0, e}, std::move(own)));
    MOXIE_TRY_LET(other, other.replace_expert({0, e}, Negative{model.config().hidden_size}));
  }
  std::vector<float> of_equal, of_other;
  MOXIE_TRY(run_model(kernel, equal, 8, of_equal));
  MOXIE_TRY(run_model(kernel, other, 8, of_other));
  return expect(of_equal == at_once && of_other != at_once, "equal experts to change nothing, and others something");
}

// What is wrong with a file comes back as a typed error, also across the library's border.
moxie::Status refuse_a_missing_model() {
  return expect(moxie::Model::load("no/such/folder").status().code() == moxie::Code::kNotFound, "kNotFound");
}

}  // namespace

/// library CHECKPOINT_FOLDER
int main(int argc, char** argv) {
  if (argc != 2) return 2;
  if (const moxie::Status status = use_model(argv[1]); !status.ok()) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()), status.message().data());
    return 1;
  }
  for (const auto use : {use_backend, use_executors, use_contexts, refuse_a_missing_model}) {
    if (const moxie::Status status = use(); !status.ok()) {
      std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()), status.message().data());
      return 1;
    }
  }
  std::printf("moxie %d.%d.%d\n", MOXIE_VERSION_MAJOR, MOXIE_VERSION_MINOR, MOXIE_VERSION_PATCH);
  return 0;
}
