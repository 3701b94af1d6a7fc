// SPDX-License-Identifier: Apache-2.0
#include "backend/onednn/product.hpp"

#include <algorithm>
#include <cstring>

#include <moxie/core/philox.hpp>

namespace moxie::inline abi1::backend {

namespace {

using dnnl::memory;

memory::desc dense(std::size_t rows, std::size_t columns) {
  return {{static_cast<memory::dim>(rows), static_cast<memory::dim>(columns)},
          memory::data_type::f32,
          memory::format_tag::ab};
}

std::vector<float> noise(std::size_t count, std::uint64_t stream) {
  const Philox random(0x6d6f786965, stream);
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = Philox::uniform(random.block(i / 4)[i % 4]) * 2.0f - 1.0f;
  return values;
}

}  // namespace

Product::Product(dnnl::engine engine, std::size_t depth, std::size_t columns)
    : engine_(std::move(engine)), depth_(depth), columns_(columns) {
  // The layout that suits many rows, held fast for all: weights are stored once.
  const memory::desc any({static_cast<memory::dim>(depth), static_cast<memory::dim>(columns)}, memory::data_type::f32,
                         memory::format_tag::any);
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    require_headroom();
    descriptions_[i] =
        describe_matmul(engine_, dense(kRows[i], depth), i == 0 ? any : weights_, dense(kRows[i], columns));
    if (i == 0) weights_ = descriptions_[0].weights_desc();
    primitives_[i] = dnnl::matmul(descriptions_[i]);
    const std::string name = descriptions_[i].impl_info_str();
    if (i == 0) implementation_ = name;
    if (i != 0 && name != descriptions_[i - 1].impl_info_str()) implementation_ += "+" + name;
  }
  packed_bytes_ = weights_.get_size();
}

Result<std::shared_ptr<const Product>> Product::create(const dnnl::engine& engine, std::size_t depth,
                                                       std::size_t columns) {
  const OnOneThread one_thread;
  const std::shared_ptr<const Product> product(new Product(engine, depth, columns));
  MOXIE_TRY(product->probe());
  return product;
}

std::unique_ptr<Product::Warm> Product::warm_up() const {
  require_headroom();
  auto warm = std::make_unique<Warm>();
  warm->stream = dnnl::stream(engine_);
  std::size_t scratchpad_bytes = 0;
  for (const auto& description : descriptions_) {
    scratchpad_bytes = std::max(scratchpad_bytes, description.scratchpad_desc().get_size());
  }
  warm->scratchpad.resize(scratchpad_bytes + 64);
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    Warm::Step& step = warm->steps[i];
    step.x = memory(descriptions_[i].src_desc(), engine_, nullptr);
    step.weights = memory(weights_, engine_, nullptr);
    step.y = memory(descriptions_[i].dst_desc(), engine_, nullptr);
    const auto address = reinterpret_cast<std::uintptr_t>(warm->scratchpad.data());
    step.scratchpad =
        memory(descriptions_[i].scratchpad_desc(), engine_, warm->scratchpad.data() + (64 - address % 64) % 64);
    step.arguments = {{{DNNL_ARG_SRC, step.x.get()},
                       {DNNL_ARG_WEIGHTS, step.weights.get()},
                       {DNNL_ARG_DST, step.y.get()},
                       {DNNL_ARG_SCRATCHPAD, step.scratchpad.get()}}};
  }
  return warm;
}

void Product::run(Warm& warm, std::size_t step, const float* x, const float* weights, float* y) const {
  Warm::Step& at = warm.steps[step];
  at.x.set_data_handle(const_cast<float*>(x));
  at.weights.set_data_handle(const_cast<float*>(weights));
  at.y.set_data_handle(y);
  dnnl::error::wrap_c_api(dnnl_primitive_execute(primitives_[step].get(), warm.stream.get(),
                                                 static_cast<int>(at.arguments.size()), at.arguments.data()),
                          "could not execute a matmul");
}

void Product::pack(const float* weights, float* packed) const {
  const OnOneThread one_thread;
  require_headroom();
  // Checkpoints hold [out, in]: to oneDNN, [in, out] with the strides swapped.
  const memory::desc stored({static_cast<memory::dim>(depth_), static_cast<memory::dim>(columns_)},
                            memory::data_type::f32, memory::format_tag::ba);
  memory from(stored, engine_, const_cast<float*>(weights));
  memory to(weights_, engine_, packed);
  dnnl::stream stream(engine_);
  dnnl::reorder(from, to).execute(stream, from, to);
  stream.wait();
}

/// Runs the same 64 rows by each row count, also shifted against each other, and compares bits.
Status Product::probe() const {
  constexpr std::size_t kMax = kRows[0];
  const std::vector<float> x = noise(kMax * depth_, 1);
  const std::vector<float> weights = noise(depth_ * columns_, 2);
  std::vector<float> packed(packed_floats());
  pack(weights.data(), packed.data());
  const std::unique_ptr<Warm> warm = warm_up();

  std::vector<float> expected(kMax * columns_);
  require_headroom();  // some implementations make a part of their code when they first run
  run(*warm, 0, x.data(), packed.data(), expected.data());
  const auto differs = [&](std::size_t row, const float* got) {
    return std::memcmp(expected.data() + row * columns_, got, columns_ * sizeof(float)) != 0;
  };
  const auto refuse = [&](std::size_t rows) {
    return Status(Code::kUnsupported, Text("oneDNN matmul ", depth_, " x ", columns_).view(),
                  "rows that do not depend on each other",
                  Text("other bits in batches of ", rows, " than of ", kMax, " (", implementation_, ")"));
  };
  std::vector<float> got(kMax * columns_);
  for (std::size_t step = 1; step < kRows.size(); ++step) {
    require_headroom();
    for (std::size_t row = 0; row + kRows[step] <= kMax; ++row) {
      run(*warm, step, x.data() + row * depth_, packed.data(), got.data());
      for (std::size_t i = 0; i < kRows[step]; ++i) {
        if (differs(row + i, got.data() + i * columns_)) return refuse(kRows[step]);
      }
    }
  }
  // And each row at another place of the largest batch, beside other rows.
  std::vector<float> turned(x);
  std::rotate(turned.begin(), turned.begin() + static_cast<std::ptrdiff_t>(17 * depth_), turned.end());
  run(*warm, 0, turned.data(), packed.data(), got.data());
  for (std::size_t row = 0; row < kMax; ++row) {
    if (differs((row + 17) % kMax, got.data() + row * columns_)) return refuse(kMax);
  }
  return {};
}

Product::Warm& OneDnnWorker::warm(const std::shared_ptr<const Product>& product) {
  const auto found = warm_.find(product);
  if (found != warm_.end()) return *found->second;
  return *warm_.emplace(product, product->warm_up()).first->second;
}

}  // namespace moxie::backend
