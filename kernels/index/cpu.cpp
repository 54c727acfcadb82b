// Reading and adding by index on the CPU.
//
// Parallel mapping: reads share out the rows of the output, runs of its innermost dimension; where all of a row has one index
// (index_select along an outer dimension) it is copied as a whole. Additions share out tiles of lines that are neighbours in
// memory: a thread widens a tile's lines of the output, adds the sources in rising order and rounds once, so that no two threads
// write one element and the result does not depend on their number.
// Memory traffic: reads: index and output once, the input as the index asks; additions: output twice, index and source once.
#include <cstring>

#include "kernels/elementwise/plan.h"
#include "kernels/index/index.h"
#include "kernels/parallel.h"
#include "kernels/reduce/plan.h"
#include "kernels/scratch.h"

namespace tessera::kernels::cpu {
namespace {

// The one-dimensional index of index_select and index_add as it applies to every line: stride 0 in the other dimensions.
View along(const View& index, const View& shape, int dim) {
  View result = shape;
  result.data = index.data;
  result.dtype = index.dtype;
  result.strides.fill(0);
  result.strides[dim] = index.strides[0];
  return result;
}

// Moves elements as plain bytes of their width: unsigned integers stand for all types.
template <class Body> void dispatch_width(ScalarType type, Body&& body) {
  switch (element_size(type)) {
    case 8: return body.template operator()<uint64_t>();
    case 4: return body.template operator()<uint32_t>();
    case 2: return body.template operator()<uint16_t>();
    default: return body.template operator()<uint8_t>();
  }
}

template <class T, class Sum> T narrow(Sum value) {
  if constexpr (is_half_v<T>)
    return T(static_cast<float>(value));
  else
    return static_cast<T>(value);
}

template <class T> void add_lines(const View& out, const View& index, const View& src, int dim) {
  using Sum = std::conditional_t<is_floating_v<T>, double, int64_t>;
  constexpr int64_t kBuffer = 16384;
  const int64_t size = out.sizes[dim], count = src.sizes[dim];
  if (size == 0 || count == 0) return;
  ReducePlan plan = plan_reduction(src, out, index, [&](int d) { return d == dim; });
  plan.tile = std::min(plan.lane.size, std::clamp<int64_t>(kBuffer / size, 1, 64));
  plan.tiles = plan.tile == 0 ? 0 : plan.kept.total() * plan.lane_tiles();
  const int64_t out_stride = out.strides[dim], index_stride = index.strides[dim], src_stride = src.strides[dim];
  const Axis& lane = plan.lane;
  parallel_for(plan.tiles, 1 + 16384 / ((size + count) * std::max<int64_t>(1, plan.tile)), [&](int64_t begin, int64_t end) {
    Scratch<Sum> lines(count == 1 ? 0 : size * plan.tile);
    for (int64_t t = begin; t < end; ++t) {
      const Tile tile = tile_at(plan, t);
      T* to = out.as<T>() + tile.out;
      if (count == 1) {  // a single addition rounds once anyway
        for (int64_t l = 0; l < tile.width; ++l) {
          const int64_t target = index.as<int64_t>()[tile.extra + l * lane.extra];
          T& element = to[target * out_stride + l * lane.out];
          element = narrow<T>(static_cast<Sum>(element) + static_cast<Sum>(src.as<T>()[tile.in + l * lane.in]));
        }
        continue;
      }
      for (int64_t r = 0; r < size; ++r) {
        for (int64_t l = 0; l < tile.width; ++l) lines[r * tile.width + l] = static_cast<Sum>(to[r * out_stride + l * lane.out]);
      }
      for (int64_t i = 0; i < count; ++i) {
        const int64_t* target = index.as<int64_t>() + tile.extra + i * index_stride;
        const T* from = src.as<T>() + tile.in + i * src_stride;
        for (int64_t l = 0; l < tile.width; ++l) {
          lines[target[l * lane.extra] * tile.width + l] += static_cast<Sum>(from[l * lane.in]);
        }
      }
      for (int64_t r = 0; r < size; ++r) {
        for (int64_t l = 0; l < tile.width; ++l) {
          to[r * out_stride + l * lane.out] = narrow<T>(lines[r * tile.width + l]);
        }
      }
    }
  });
}

}  // namespace

void gather(const View& out, const View& in, const View& index, int dim) {
  View lines = in;  // in at index 0 of `dim`, as an operand of out's shape
  lines.sizes = out.sizes;
  lines.strides[dim] = 0;
  const auto plan = make_plan<3>({&out, &lines, &index});
  const int64_t row = plan.sizes[0], step = in.strides[dim];
  const int64_t to_stride = plan.strides[0][0], from_stride = plan.strides[1][0], index_stride = plan.strides[2][0];
  if (plan.numel == 0) return;
  dispatch_width(in.dtype, [&]<class T>() {
    parallel_for(plan.numel, 16384, [&](int64_t begin, int64_t end) {
      while (begin < end) {
        const int64_t at = begin % row, count = std::min(row - at, end - begin), r = begin / row;
        T* to = out.as<T>() + plan.row_offset(0, r) + at * to_stride;
        const T* from = in.as<T>() + plan.row_offset(1, r) + at * from_stride;
        const int64_t* which = index.as<int64_t>() + plan.row_offset(2, r) + at * index_stride;
        if (index_stride == 0 && to_stride == 1 && from_stride == 1) {
          std::memcpy(to, from + *which * step, static_cast<size_t>(count) * sizeof(T));
        } else {
          for (int64_t i = 0; i < count; ++i) to[i * to_stride] = from[i * from_stride + which[i * index_stride] * step];
        }
        begin += count;
      }
    });
  });
}

void index_select(const View& out, const View& in, const View& index, int dim) {
  gather(out, in, along(index, out, dim), dim);
}

void scatter_add_acc(const View& out, const View& index, const View& src, int dim) {
  dispatch_all(out.dtype, [&]<class T>() { add_lines<T>(out, index, src, dim); });
}

void index_add_acc(const View& out, const View& index, const View& src, int dim) {
  scatter_add_acc(out, along(index, src, dim), src, dim);
}

}  // namespace tessera::kernels::cpu
