// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include <moxie/backend/kv_type.hpp>

// What each ISA path offers, as a table of functions over plain structs. ISA files include this, the vector
// type of their path, core/exp.hpp, elements.hpp and kernels.hpp, and nothing else: no inline function of a library can
// then be compiled with their flags and picked by the linker for everybody.

namespace moxie::inline abi1::backend {

/// How the elements of a packed panel are stored.
enum class PanelType : std::uint8_t { kF32, kBF16, kF16 };

/// Columns in a full panel: four vectors of 16 accumulators.
inline constexpr std::size_t kPanelWidth = 64;
/// A panel is as wide as a multiple of this.
inline constexpr std::size_t kVectorWidth = 16;

/// y[rows, columns] = x[rows, depth] * panel[depth, panel_width] (+ bias[columns]).
/// Every output is one chain of fused multiply-adds over depth, in ascending order, then the bias:
/// the same bits for any number of rows, and on every ISA path.
struct GemmArgs {
  const float* x;
  std::size_t x_stride;
  std::size_t rows;
  std::size_t depth;
  const void* panel;        ///< [depth][panel_width] elements
  std::size_t panel_width;  ///< 16, 32, 48 or 64
  std::size_t columns;      ///< written columns, at most panel_width
  const float* bias;        ///< [columns] or null
  float* y;
  std::size_t y_stride;
};

inline constexpr std::size_t kAttendRows = 16;
/// Positions of a segment, at multiples of it.
inline constexpr std::size_t kSegment = 256;

/// Attention of up to kAttendRows rows at consecutive positions and one key/value head, for `heads` query heads that
/// share it. A page is used for all rows while it is near. Within a segment pages are taken in ascending order with a
/// running maximum, and segments join in ascending order (docs/design/002), so a row's result depends on the positions
/// that it sees and on nothing else.
struct AttendArgs {
  const float* q;  ///< [rows][heads][key_width], q_row_stride and q_stride apart
  std::size_t q_stride;
  std::size_t rows;
  std::size_t q_row_stride;
  std::size_t heads;
  const std::byte* const* pages;  ///< those with a position that a row sees
  KvType type = KvType::kF32;     ///< of their keys and values: widened, which is exact, then computed with in f32
  KvBlock block;                  ///< of this layer and head
  std::size_t key_width;
  std::size_t value_width;
  std::size_t visible;     ///< positions [0, visible) are seen by the first row, one more by each further; at least 1
  std::size_t window = 0;  ///< of those each row sees the last so many; 0: all
  float scale;             ///< factor on every score
  float cap = 0;           ///< every score s becomes cap * tanh(s / cap), behind the factor; 0: it stays
  /// [heads] or null: a score for each head that joins its softmax as the first and adds no value.
  const float* sinks = nullptr;
  float* y;  ///< [rows][heads][value_width], y_row_stride and y_stride apart
  std::size_t y_stride;
  std::size_t y_row_stride;
  float* segment;  ///< [rows][heads][value_width], dense: room for the sums of one segment
};

struct Ops {
  const char* isa;
  void (*gemm[3])(const GemmArgs&) noexcept;  ///< by PanelType
  void (*attend)(const AttendArgs&) noexcept;
};

extern const Ops kPortableOps;
extern const Ops kAvx2Ops;
extern const Ops kAvx512Ops;

}  // namespace moxie::backend
