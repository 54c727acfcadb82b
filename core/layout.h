// Layout: how sizes, strides and an offset map a logical index to memory. Pure arithmetic, no tensors.
#pragma once

#include <optional>

#include "core/array_ref.h"

namespace tessera {

// Contiguous: row-major. ChannelsLast: a 4-d tensor of logical shape [N, C, H, W] that lies in memory as N, H, W, C.
// Preserve: keep the order of the source where it is dense, else row-major.
enum class MemoryFormat : uint8_t { Contiguous, ChannelsLast, Preserve };
inline constexpr MemoryFormat kContiguous = MemoryFormat::Contiguous, kChannelsLast = MemoryFormat::ChannelsLast;

struct Layout {
  DimVector sizes, strides;  // strides in elements; 0 for a broadcast dimension
  int64_t offset = 0;        // of element [0, ..., 0], in elements from the start of the storage

  static Layout of(IntArrayRef sizes, MemoryFormat format = kContiguous);

  int64_t numel() const;
  bool is_contiguous(MemoryFormat format = kContiguous) const;
  bool is_dense() const;  // no gaps and no overlap, in any order of dimensions

  // The layout that a fresh tensor of these sizes gets in order to keep this one's memory order (MemoryFormat::Preserve).
  Layout fresh_like() const;
};

// ChannelsLast if a 4-d layout's strides say so, else Contiguous. Where sizes of 1 make both true, the stride of C decides.
MemoryFormat suggest_memory_format(const Layout& layout);

// dim in [-ndim, ndim) to [0, ndim); throws IndexError naming the op. A 0-d tensor is treated as having one dimension.
int64_t normalize_dim(const char* op, int64_t dim, int64_t ndim);

// NumPy's broadcasting; throws ShapeError naming the op and both shapes.
DimVector broadcast_shapes(const char* op, IntArrayRef a, IntArrayRef b);

// Strides that present `layout` in the larger shape `sizes`: 0 for the dimensions that repeat. Throws ShapeError.
Layout expand_layout(const char* op, const Layout& layout, IntArrayRef sizes);

// Replaces the one -1 in `shape` by what `numel` leaves for it; throws ShapeError if the numbers do not fit.
DimVector infer_shape(const char* op, IntArrayRef shape, int64_t numel);

// Strides that present `layout` in `shape` without a copy, or nothing where memory order forbids it.
std::optional<DimVector> view_strides(const Layout& layout, IntArrayRef shape);

}  // namespace tessera
