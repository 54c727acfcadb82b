#include "core/layout.h"

#include <numeric>

namespace tessera {

std::string to_string(IntArrayRef values) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i) text += (i ? ", " : "") + std::to_string(values[i]);
  return text + "]";
}

namespace {

// Strides of a dense layout whose dimensions lie in memory in the given order, slowest first.
DimVector dense_strides(IntArrayRef sizes, IntArrayRef order) {
  DimVector strides(sizes.size(), 1);
  int64_t step = 1;
  for (size_t i = order.size(); i-- > 0;) {
    strides[order[i]] = step;
    step *= std::max<int64_t>(sizes[order[i]], 1);
  }
  return strides;
}

bool matches(const Layout& layout, IntArrayRef order) {
  if (layout.numel() == 0) return true;
  const DimVector dense = dense_strides(layout.sizes, order);
  for (size_t d = 0; d < dense.size(); ++d)
    if (layout.sizes[d] != 1 && layout.strides[d] != dense[d]) return false;
  return true;
}

constexpr int64_t kRowMajor[kMaxDims] = {0, 1, 2, 3, 4, 5, 6, 7};
constexpr int64_t kNhwc[4] = {0, 2, 3, 1};

// Dimensions from the slowest to the fastest, by stride; equal strides keep their logical order.
DimVector order_by_stride(const Layout& layout) {
  DimVector order(kRowMajor, kRowMajor + layout.sizes.size());
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return layout.strides[a] > layout.strides[b]; });
  return order;
}

}  // namespace

Layout Layout::of(IntArrayRef sizes, MemoryFormat format) {
  int64_t numel = 1;
  bool counts = true;  // the bytes of the widest type still fit an int64
  for (int64_t size : sizes) {
    check<ShapeError>(size >= 0, "a size is negative in shape {}", sizes);
    counts = counts && !__builtin_mul_overflow(numel, std::max<int64_t>(size, 1), &numel) && numel <= INT64_MAX / 8;
  }
  check<ShapeError>(counts, "shape {} has more elements than memory can have", sizes);
  if (format == kChannelsLast) {
    check<ShapeError>(sizes.size() == 4, "channels_last needs 4 dimensions [N, C, H, W], the shape is {}", sizes);
    return {sizes.dims(), dense_strides(sizes, {kNhwc, 4}), 0};
  }
  return {sizes.dims(), dense_strides(sizes, {kRowMajor, sizes.size()}), 0};
}

int64_t Layout::numel() const { return std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>()); }

bool Layout::is_contiguous(MemoryFormat format) const {
  if (format == kChannelsLast) return sizes.size() == 4 && matches(*this, {kNhwc, 4});
  return matches(*this, {kRowMajor, sizes.size()});
}

bool Layout::is_dense() const { return matches(*this, order_by_stride(*this)); }

Layout Layout::fresh_like() const {
  if (is_dense()) return {sizes, strides, 0};
  if (suggest_memory_format(*this) == kChannelsLast) return of(sizes, kChannelsLast);
  return of(sizes);
}

MemoryFormat suggest_memory_format(const Layout& layout) {
  if (layout.sizes.size() != 4) return kContiguous;
  const auto& s = layout.strides;
  const auto& n = layout.sizes;
  // Walk C, W, H, N: each stride must be at least the extent below it. Broadcast (0) strides are no evidence of either order.
  int64_t least = 1;
  for (int d : {1, 3, 2, 0}) {
    if (n[d] == 0 || s[d] < least) return kContiguous;
    if (d == 0 && least == s[1]) return kContiguous;  // N alone larger than 1: row-major
    least = s[d] * std::max<int64_t>(n[d], 1);
  }
  return kChannelsLast;
}

int64_t normalize_dim(const char* op, int64_t dim, int64_t ndim) {
  const int64_t range = std::max<int64_t>(ndim, 1);
  check<IndexError>(dim >= -range && dim < range, "{}: dim {} is out of range for a tensor of {} dimensions. Valid: {} to {}.",
                    op, dim, ndim, -range, range - 1);
  return dim < 0 ? dim + range : dim;
}

DimVector broadcast_shapes(const char* op, IntArrayRef a, IntArrayRef b) {
  const size_t ndim = std::max(a.size(), b.size());
  DimVector out(ndim, 1);
  for (size_t i = 0; i < ndim; ++i) {  // i counts from the last dimension
    const int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1, y = i < b.size() ? b[b.size() - 1 - i] : 1;
    check<ShapeError>(x == y || x == 1 || y == 1,
                      "{}: shapes {} and {} do not broadcast (dimension -{}: {} against {}). Sizes must be equal or 1, counted "
                      "from the last dimension.",
                      op, a, b, i + 1, x, y);
    out[ndim - 1 - i] = x == 1 ? y : x;
  }
  return out;
}

Layout expand_layout(const char* op, const Layout& layout, IntArrayRef sizes) {
  const size_t ndim = layout.sizes.size(), lead = sizes.size() - std::min(ndim, sizes.size());
  check<ShapeError>(sizes.size() >= ndim, "{}: shape {} has fewer dimensions than {}", op, sizes, layout.sizes);
  Layout out{sizes.dims(), DimVector(sizes.size(), 0), layout.offset};
  for (size_t d = 0; d < ndim; ++d) {
    int64_t& wanted = out.sizes[lead + d];
    if (wanted == -1) wanted = layout.sizes[d];
    check<ShapeError>(layout.sizes[d] == wanted || layout.sizes[d] == 1,
                      "{}: shape {} does not expand to {} (dimension {}: {} against {}). Only sizes of 1 repeat.", op,
                      layout.sizes, sizes, d, layout.sizes[d], wanted);
    out.strides[lead + d] = layout.sizes[d] == wanted ? layout.strides[d] : 0;
  }
  for (size_t d = 0; d < lead; ++d)
    check<ShapeError>(out.sizes[d] >= 0, "{}: -1 stands for an existing size, but dimension {} of {} is new", op, d, sizes);
  return out;
}

DimVector infer_shape(const char* op, IntArrayRef shape, int64_t numel) {
  DimVector out = shape.dims();
  int64_t known = 1, hole = -1;
  for (size_t d = 0; d < out.size(); ++d) {
    if (out[d] == -1) {
      check<ShapeError>(hole < 0, "{}: shape {} has more than one -1", op, shape);
      hole = static_cast<int64_t>(d);
    } else {
      check<ShapeError>(out[d] >= 0, "{}: shape {} has a negative size", op, shape);
      known *= out[d];
    }
  }
  if (hole >= 0 && known > 0 && numel % known == 0) {
    out[hole] = numel / known;
    known = numel;
  }
  check<ShapeError>(known == numel && std::count(out.begin(), out.end(), -1) == 0, "{}: shape {} does not hold {} elements", op,
                    shape, numel);
  return out;
}

std::optional<DimVector> view_strides(const Layout& layout, IntArrayRef shape) {
  if (layout.numel() == 0) return Layout::of(shape).strides;
  // Walk both shapes from the last dimension, one contiguous run of old dimensions at a time.
  DimVector strides(shape.size(), 1);
  int64_t next = static_cast<int64_t>(shape.size()) - 1;
  int64_t run = 1, taken = 1;  // elements in the present run of old dimensions, and in the new dimensions laid over it
  int64_t base = layout.sizes.empty() ? 1 : layout.strides.back();
  for (int64_t d = static_cast<int64_t>(layout.sizes.size()) - 1; d >= 0; --d) {
    run *= layout.sizes[d];
    const bool ends = d == 0 || (layout.sizes[d - 1] != 1 && layout.strides[d - 1] != run * base);
    if (!ends) continue;
    while (next >= 0 && (taken < run || shape[next] == 1)) {
      strides[next] = taken * base;
      taken *= shape[next--];
    }
    if (taken != run) return std::nullopt;
    if (d > 0) {
      base = layout.strides[d - 1];
      run = taken = 1;
    }
  }
  for (; next >= 0; --next) {  // what is left has size 1
    if (shape[next] != 1) return std::nullopt;
    strides[next] = taken * base;
  }
  return strides;
}

}  // namespace tessera
