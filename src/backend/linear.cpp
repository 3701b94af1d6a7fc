// SPDX-License-Identifier: Apache-2.0
#include <moxie/backend/linear.hpp>

#include <cstdint>
#include <limits>
#include <new>

#include <moxie/core/checked.hpp>
#include <moxie/core/guard.hpp>
#include <moxie/core/scratch.hpp>

#include "backend/access.hpp"
#include "backend/linear_body.hpp"
#include "backend/linear_parallel.hpp"
#include "backend/product_list.hpp"
#include "backend/quant/kernels/tile_packer.hpp"

namespace moxie::inline abi1 {

namespace {

/// Whether the bytes of the weights can be counted on every path: widened to f32, in whole panels. Behind
/// this, sizes are multiplied as they come.
bool is_countable(const Weights& weights) noexcept {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::ptrdiff_t>::max());
  const auto columns = checked::align_up(weights.out_width, backend::kPanelWidth);
  if (!columns) return false;
  const auto bytes = checked::multiply(*columns, std::uint64_t{weights.in_width}, std::uint64_t{sizeof(float)});
  return bytes && *bytes <= kMax;
}

}  // namespace

Result<Linear> Linear::create(const Backend& backend, const Weights& weights, std::span<const float> bias,
                              Budget* budget, Executor* executor) {
  backend::WeightArena own;
  return BackendAccess::create_linear(backend, weights, bias, {.arena = own, .budget = budget, .executor = executor});
}

Result<Linear> BackendAccess::create_linear(const Backend& backend, const Weights& weights, std::span<const float> bias,
                                            const backend::Packing& packing) try {
  if (weights.in_width == 0 || weights.out_width == 0) {
    return Status(Code::kShape, "Linear::create", "weights of [out, in], both at least 1",
                  Text("[", weights.out_width, ", ", weights.in_width, "]"));
  }
  if (!bias.empty() && bias.size() != weights.out_width) {
    return Status(Code::kShape, "Linear::create", Text("a bias of ", weights.out_width, ", or none"),
                  Text(bias.size()));
  }
  if (!is_countable(weights)) {
    return Status(Code::kNoMemory, "Linear::create", "weights whose bytes can be counted",
                  Text("[", weights.out_width, ", ", weights.in_width, "]"));
  }
  MOXIE_TRY_LET(auto body, backend::make_product({backend, weights, bias, packing}));
  return Linear(std::move(body));
} catch (const std::bad_alloc&) {
  return Status(Code::kNoMemory, "Linear::create", Text("weights of [", weights.out_width, ", ", weights.in_width, "]"),
                "a refusal from the system");
}

std::size_t Linear::in_width() const noexcept { return body_->in_width(); }
std::size_t Linear::out_width() const noexcept { return body_->out_width(); }
std::size_t Linear::scratch_bytes(std::size_t rows) const noexcept {
  return ScratchSize().bytes(backend::operand_bytes(*body_, rows)).bytes(body_->scratch_bytes(rows)).total();
}
std::string_view Linear::path() const noexcept { return body_->path(); }
std::size_t Linear::bytes() const noexcept { return body_->bytes(); }

Status Linear::warm_up(backend::Worker& worker) const noexcept {
  return guarded("Linear::warm_up", [&] { return body_->warm_up(worker); });
}

Status Linear::apply(ConstRows x, Rows y, Workspace& workspace) const noexcept {
  MOXIE_TRY(backend::check_shapes(*body_, x, y));
  if (x.rows == 0) return {};
  const Workspace::Frame frame(workspace);
  MOXIE_TRY_LET(const backend::BlockTable table, backend::take_table(*body_, x.rows, workspace));
  if (table.data == nullptr) return body_->run({.rows = x}, y, 0, body_->tiles(), workspace);
  body_->quantize(x, 0, 0, table);
  return body_->run(table.operand(0, x.rows), y, 0, body_->tiles(), workspace);
}

Status Linear::apply(ConstRows x, Rows y, Workers& workers) const noexcept {
  const backend::Product product{.body = body_.get(), .y = y};
  return backend::run_products(x, {&product, 1}, workers);
}

bool has_tiles(ElementType type) noexcept {
  return is_quantized(type) || type == ElementType::kBF16 || type == ElementType::kF16;
}

std::size_t tile_bytes(ElementType type, std::size_t in_width) noexcept {
  if (is_quantized(type)) return backend::quant::tile_bytes(type, in_width);
  return has_tiles(type) ? backend::quant::kTileRows * in_width * size_of(type) : 0;
}

Status pack_tiles(const Weights& weights, std::size_t first, std::span<std::byte> tiles) noexcept {
  constexpr std::string_view kWhere = "pack_tiles";
  if (!has_tiles(weights.type) || weights.tiled) {
    return Status(Code::kUnsupported, kWhere, "rows of BF16, F16 or a block-quantized type", name(weights.type));
  }
  const std::size_t bytes = tile_bytes(weights.type, weights.in_width);
  const std::size_t all = (weights.out_width + backend::quant::kTileRows - 1) / backend::quant::kTileRows;
  const std::size_t count = bytes == 0 ? 0 : tiles.size() / bytes;
  if (weights.in_width % traits(weights.type).block_elements != 0 || count * bytes != tiles.size() || first > all ||
      count > all - first) {
    return Status(Code::kShape, kWhere, Text("tiles of ", bytes, " bytes, ", all, " in all"),
                  Text(tiles.size(), " bytes from tile ", first, " on"));
  }
  return guarded(kWhere, [&]() -> Status {
    if (is_quantized(weights.type)) {
      backend::pack_quant_tiles(weights, first, count, tiles.data());
    } else {
      backend::pack_panel_tiles(weights, first, count, tiles.data());
    }
    return {};
  });
}

}  // namespace moxie
