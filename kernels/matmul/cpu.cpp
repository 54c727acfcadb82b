// Fast batched matrix product, on the register tiles of micro_kernel-inl.h.
//
// Rows of `a` are used where they lie if their elements are neighbours, else copied once; `b` is packed into panels of 2 vectors
// of columns. A product of at most 4 rows with a transposed `b` (a linear layer on few samples) is made of dot products instead,
// because packing would cost more than it saves.
//
// Parallel mapping: batches over threads where there are enough of them, else tasks of up to 8 tiles of kTileRows rows times some
// panels. A SIMD lane is a column of out (in dot products: a part of k). The order of summation depends on the shape alone.
//
// Traffic: `b` is read once for packing, then streamed from L2 or L3 once for every 8 tiles of rows; each sum is added to out
// once every 192 products.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/matmul/cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <optional>

#include "kernels/matmul/matmul.h"
#include "kernels/matmul/micro_kernel-inl.h"
#include "kernels/parallel.h"
#include "kernels/scratch.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {

constexpr int64_t kMaxDepth = 192;  // products a register tile sums before it is added to the output

// One matrix of a batch: [rows, columns] at element strides.
struct Matrix {
  void* data;
  ScalarType dtype;
  int64_t rows, columns, row_stride, column_stride;

  template <class T> bool has_plain_rows() const { return dtype == scalar_type_v<T> && (column_stride == 1 || columns == 1); }
};

Matrix matrix_of(const View& v, int64_t batch) {
  void* const data = static_cast<char*>(v.data) + batch * v.strides[0] * static_cast<int64_t>(element_size(v.dtype));
  return {data, v.dtype, v.sizes[1], v.sizes[2], v.strides[1], v.strides[2]};
}

// Copies rows [begin, end) x all columns to `to`, row-major of width m.columns.
template <class T> void copy_rows(T* HWY_RESTRICT to, const Matrix& m, int64_t begin, int64_t end) {
  dispatch_floating(m.dtype, [&]<class From>() {
    constexpr int64_t kBlock = 16;
    const From* const from = static_cast<const From*>(m.data);
    for (int64_t r0 = begin; r0 < end; r0 += kBlock)
      for (int64_t c0 = 0; c0 < m.columns; c0 += kBlock)
        for (int64_t r = r0; r < std::min(end, r0 + kBlock); ++r)
          for (int64_t c = c0; c < std::min(m.columns, c0 + kBlock); ++c)
            to[r * m.columns + c] = static_cast<T>(from[r * m.row_stride + c * m.column_stride]);
  });
}

// Packs rows [begin, end) of a panel: to[k][column], zero beyond the last column of b.
template <class T>
void pack_panel(T* HWY_RESTRICT to, const Matrix& b, int64_t first, int64_t columns, int64_t begin, int64_t end) {
  const int64_t filled = std::min(columns, b.columns - first);
  dispatch_floating(b.dtype, [&]<class From>() {
    const From* const from = static_cast<const From*>(b.data) + first * b.column_stride;
    if (b.column_stride == 1 && filled == columns) {
      for (int64_t k = begin; k < end; ++k)
        for (int64_t c = 0; c < columns; ++c) to[k * columns + c] = static_cast<T>(from[k * b.row_stride + c]);
      return;
    }
    constexpr int64_t kBlock = 16;
    for (int64_t k0 = begin; k0 < end; k0 += kBlock) {
      const int64_t k_end = std::min(end, k0 + kBlock);
      for (int64_t c = 0; c < filled; ++c)
        for (int64_t k = k0; k < k_end; ++k) to[k * columns + c] = static_cast<T>(from[k * b.row_stride + c * b.column_stride]);
      for (int64_t k = k0; k < k_end; ++k) std::fill(to + k * columns + filled, to + (k + 1) * columns, T{0});
    }
  });
}

// out[m, n] = dot(row m of a, column n of b) where both lie in one piece: for few rows, where packing b would cost too much.
template <class T> void multiply_by_dots(const Matrix& out, const Matrix& a, const Matrix& b) {
  const Lane<T> d;
  const int64_t depth = a.columns, vector_end = depth / (2 * kLanes<T>)*(2 * kLanes<T>);
  T* const to = static_cast<T*>(out.data);
  parallel_for(out.columns, 1 + 65536 / std::max<int64_t>(1, depth * out.rows), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n)
      for (int64_t m = 0; m < out.rows; ++m) {
        const T* const left = static_cast<const T*>(a.data) + m * a.row_stride;
        const T* const right = static_cast<const T*>(b.data) + n * b.column_stride;
        auto sum0 = hn::Zero(d), sum1 = hn::Zero(d);
        for (int64_t k = 0; k < vector_end; k += 2 * kLanes<T>) {
          sum0 = hn::MulAdd(hn::LoadU(d, left + k), hn::LoadU(d, right + k), sum0);
          sum1 = hn::MulAdd(hn::LoadU(d, left + k + kLanes<T>), hn::LoadU(d, right + k + kLanes<T>), sum1);
        }
        T sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(sum0, sum1)));
        for (int64_t k = vector_end; k < depth; ++k) sum += left[k] * right[k];
        to[m * out.row_stride + n * out.column_stride] = sum;
      }
  });
}

template <class T> void multiply(const Matrix& out, const Matrix& a, const Matrix& b) {
  const int64_t rows = out.rows, depth = a.columns;
  const bool b_columns_plain = b.dtype == scalar_type_v<T> && (b.row_stride == 1 || depth == 1);
  if (rows <= 4 && out.dtype == scalar_type_v<T> && a.has_plain_rows<T>() && b_columns_plain) {
    multiply_by_dots<T>(out, a, b);
    return;
  }
  const int64_t panels = (b.columns + kPanelWidth<T> - 1) / kPanelWidth<T>;

  std::optional<Scratch<T>> a_copy;
  const T* a_data = static_cast<const T*>(a.data);
  int64_t a_stride = a.row_stride;
  if (!a.has_plain_rows<T>()) {
    T* const copy = a_copy.emplace(rows * depth).data();
    parallel_for(rows, 1 + 65536 / std::max<int64_t>(1, depth),
                 [&](int64_t begin, int64_t end) { copy_rows(copy, a, begin, end); });
    a_data = copy, a_stride = depth;
  }

  const Scratch<T> packed(panels * depth * kPanelWidth<T>);
  const int64_t k_blocks = (depth + 63) / 64;
  parallel_for(panels * k_blocks, 16, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t first = unit / k_blocks * kPanelWidth<T>, k = unit % k_blocks * 64;
      pack_panel(packed.data() + first * depth, b, first, panel_columns<T>(first, b.columns), k, std::min(depth, k + 64));
    }
  });

  const int64_t threads = omp_get_max_threads();
  const int64_t tile = kTileRows * std::clamp<int64_t>(rows / (kTileRows * 4 * threads), 1, 8);
  const int64_t row_tasks = (rows + tile - 1) / tile, splits = std::clamp<int64_t>(4 * threads / row_tasks, 1, panels);
  const int64_t work = tile * depth * (b.columns / splits + 1);
  const bool in_place = out.dtype == scalar_type_v<T> && out.column_stride == 1;
  const int64_t parts = std::max<int64_t>(1, (depth + kMaxDepth - 1) / kMaxDepth);
  parallel_for(row_tasks * splits, 1 + 262144 / std::max<int64_t>(1, work), [&](int64_t begin, int64_t end) {
    const Scratch<const T*> a_rows(tile);
    const Scratch<T*> out_rows(tile);
    const Scratch<T> buffer(tile * kPanelWidth<T>);
    for (int64_t task = begin; task < end; ++task) {
      const int64_t row = task / splits * tile, count = std::min(tile, rows - row), split = task % splits;
      // Rows beyond the last one repeat it, and go to the buffer.
      for (int64_t r = 0; r < tile; ++r) a_rows[r] = a_data + (row + std::min(r, count - 1)) * a_stride;
      for (int64_t panel = panels * split / splits; panel < panels * (split + 1) / splits; ++panel) {
        const int64_t first = panel * kPanelWidth<T>, columns = panel_columns<T>(first, b.columns);
        const bool direct = in_place && first + columns <= b.columns;
        for (int64_t r = 0; r < tile; ++r)
          out_rows[r] =
              direct && r < count ? static_cast<T*>(out.data) + (row + r) * out.row_stride + first : buffer.data() + r * columns;
        const T* const right = packed.data() + first * depth;
        for (int64_t part = 0; part < parts; ++part) {
          const int64_t k = depth * part / parts, k_count = depth * (part + 1) / parts - k;
          for (int64_t r = 0; r < count; r += kTileRows)
            gather_rows<T>(std::min<int64_t>(kTileRows, count - r), columns, 1, k_count, a_rows.data() + r, tile, k,
                           right + k * columns, out_rows.data() + r, nullptr, part == 0);
        }
        if (direct) continue;
        dispatch_floating(out.dtype, [&]<class To>() {
          for (int64_t r = 0; r < count; ++r)
            for (int64_t c = 0; c < std::min(columns, b.columns - first); ++c)
              static_cast<To*>(out.data)[(row + r) * out.row_stride + (first + c) * out.column_stride] =
                  static_cast<To>(buffer[r * columns + c]);
        });
      }
    }
  });
}

void matmul_batches(const View& out, const View& a, const View& b) {
  dispatch_compute(out.dtype, [&]<class T>() {
    const int64_t batches = out.sizes[0];
    // One b for all, and rows that go on from batch to batch: one tall product.
    if (batches > 1 && b.strides[0] == 0 && a.strides[0] == a.sizes[1] * a.strides[1] &&
        out.strides[0] == out.sizes[1] * out.strides[1]) {
      Matrix tall_out = matrix_of(out, 0), tall_a = matrix_of(a, 0);
      tall_out.rows *= batches, tall_a.rows *= batches;
      multiply<T>(tall_out, tall_a, matrix_of(b, 0));
    } else if (batches >= omp_get_max_threads()) {
      const int64_t work = out.sizes[1] * out.sizes[2] * a.sizes[2];
      parallel_for(batches, 1 + 262144 / std::max<int64_t>(1, work), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) multiply<T>(matrix_of(out, i), matrix_of(a, i), matrix_of(b, i));
      });
    } else {
      for (int64_t i = 0; i < batches; ++i) multiply<T>(matrix_of(out, i), matrix_of(a, i), matrix_of(b, i));
    }
  });
}

}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(matmul_batches);

namespace cpu {

void matmul(const View& out, const View& a, const View& b, const MatmulParams&) {
  if (out.numel() == 0) return;
  HWY_DYNAMIC_DISPATCH(matmul_batches)(out, a, b);
}

}  // namespace cpu
}  // namespace tessera::kernels
#endif  // HWY_ONCE
