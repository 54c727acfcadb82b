// Index of the extreme and running sums along one dimension, on the CPU.
//
// Parallel mapping: a task is a tile of up to 512 lines that are neighbours in memory; a SIMD lane is a line, so that one step
// along the dimension compares or adds a whole tile. Where lines are far apart and long (argmax of a row), arg_reduce folds a
// line with SIMD to its extreme and then looks for its first place. Each line belongs to one thread: results do not depend on
// their number. Memory traffic: the input once (long rows: again up to the place found), the outputs once.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/reduce/cpu_lines.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <limits>

#include "kernels/parallel.h"
#include "kernels/reduce/load-inl.h"
#include "kernels/reduce/plan.h"
#include "kernels/reduce/reduce.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

// True where `value` takes the place of `best`: it is further out, or the first NaN.
template <Extreme which, class C> bool beats(C value, C best) {
  const bool further = which == Extreme::Max ? value > best : value < best;
  return further | ((value != value) & (best == best));
}

// Line by line in step: best[l] and place[l] of each line of the tile. Places are as wide as the values, for SIMD.
template <Extreme which, class C, class Place>
void search_across(const ReducePlan& plan, const Tile& tile, const void* data, Load<C>* load, C* best, Place* place) {
  C buffer[kMaxTile];
  const C* first = load(data, tile.in, plan.lane.in, tile.width, buffer);
  for (int64_t l = 0; l < tile.width; ++l) {
    best[l] = first[l];
    place[l] = 0;
  }
  for (int64_t r = 1; r < plan.run.size; ++r) {
    const C* values = load(data, tile.in + r * plan.run.in, plan.lane.in, tile.width, buffer);
    const Place here = static_cast<Place>(r);
    for (int64_t l = 0; l < tile.width; ++l) {
      const bool better = beats<which>(values[l], best[l]);
      best[l] = better ? values[l] : best[l];
      place[l] = better ? here : place[l];
    }
  }
}

// One line in pieces: the extreme of a piece over 32 interleaved lanes; its place only if the piece beats those before it.
template <Extreme which, class C>
int64_t search_along(const void* data, int64_t offset, const Axis& run, Load<C>* load, C* best) {
  constexpr int64_t kPiece = 2048, kLanes = 32;
  C buffer[kPiece];
  int64_t place = -1;
  for (int64_t i = 0; i < run.size; i += kPiece) {
    const int64_t count = std::min(kPiece, run.size - i);
    const C* values = load(data, offset + i * run.in, run.in, count, buffer);
    C lanes[kLanes];
    for (C& lane : lanes) lane = values[0];
    int64_t k = 0;
    for (; k + kLanes <= count; k += kLanes) {
      for (int64_t l = 0; l < kLanes; ++l) lanes[l] = beats<which>(values[k + l], lanes[l]) ? values[k + l] : lanes[l];
    }
    for (; k < count; ++k) lanes[0] = beats<which>(values[k], lanes[0]) ? values[k] : lanes[0];
    C extreme = lanes[0];
    for (C lane : lanes) extreme = beats<which>(lane, extreme) ? lane : extreme;
    if (place >= 0 && !beats<which>(extreme, *best)) continue;
    *best = extreme;
    for (k = 0; !(values[k] == extreme || (values[k] != values[k] && extreme != extreme)); ++k) {
    }
    place = i + k;
  }
  return place;
}

template <Extreme which, class C>
void search(const View& values, const View& indices, const View& in, const ReducePlan& plan, Load<C>* load) {
  using Place = std::conditional_t<sizeof(C) == 4, int32_t, int64_t>;
  const bool across = plan.across && plan.run.size <= std::numeric_limits<int32_t>::max();
  const int64_t grain = 1 + 16384 / std::max<int64_t>(1, plan.tile * plan.run.size);
  parallel_for(plan.tiles, grain, [&](int64_t begin, int64_t end) {
    C best[kMaxTile];
    for (int64_t t = begin; t < end; ++t) {
      const Tile tile = tile_at(plan, t);
      if (across) {
        Place place[kMaxTile];
        search_across<which>(plan, tile, in.data, load, best, place);
        store(indices.data, kInt64, tile.out, plan.lane.out, tile.width, place);
      } else {
        int64_t place[kMaxTile];
        for (int64_t l = 0; l < tile.width; ++l) {
          place[l] = search_along<which>(in.data, tile.in + l * plan.lane.in, plan.run, load, &best[l]);
        }
        store(indices.data, kInt64, tile.out, plan.lane.out, tile.width, place);
      }
      if (values.data != nullptr) store(values.data, values.dtype, tile.extra, plan.lane.extra, tile.width, best);
    }
  });
}

void arg_reduce(const View& values, const View& indices, const View& in, int dim, Extreme which) {
  const ReducePlan plan = plan_reduction(in, indices, values, [&](int d) { return d == dim; });
  with_load(in.dtype, [&]<class C>(Load<C>* load) {
    if (which == Extreme::Max)
      search<Extreme::Max>(values, indices, in, plan, load);
    else
      search<Extreme::Min>(values, indices, in, plan, load);
  });
}

void cumsum(const View& out, const View& in, int dim, bool reverse) {
  const ReducePlan plan = plan_reduction(in, out, View{}, [&](int d) { return d == dim; });
  const int64_t out_stride = out.strides[dim];
  with_load(in.dtype, [&]<class C>(Load<C>* load) {
    parallel_for(plan.tiles, 1 + 16384 / std::max<int64_t>(1, plan.tile * plan.run.size), [&](int64_t begin, int64_t end) {
      wide_t<C> sums[kMaxTile];
      C buffer[kMaxTile];
      for (int64_t t = begin; t < end; ++t) {
        const Tile tile = tile_at(plan, t);
        for (int64_t l = 0; l < tile.width; ++l) sums[l] = 0;
        for (int64_t k = 0; k < plan.run.size; ++k) {
          const int64_t r = reverse ? plan.run.size - 1 - k : k;
          const C* values = load(in.data, tile.in + r * plan.run.in, plan.lane.in, tile.width, buffer);
          for (int64_t l = 0; l < tile.width; ++l) sums[l] += values[l];
          store(out.data, out.dtype, tile.out + r * out_stride, plan.lane.out, tile.width, sums);
        }
      }
    });
  });
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels::cpu {

HWY_EXPORT(arg_reduce);
HWY_EXPORT(cumsum);

void arg_reduce(const View& values, const View& indices, const View& in, int dim, Extreme which) {
  HWY_DYNAMIC_DISPATCH(arg_reduce)(values, indices, in, dim, which);
}

void cumsum(const View& out, const View& in, int dim, bool reverse) {
  HWY_DYNAMIC_DISPATCH(cumsum)(out, in, dim, reverse);
}

}  // namespace tessera::kernels::cpu
#endif
