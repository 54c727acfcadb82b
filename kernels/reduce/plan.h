// The shape of a reduction as the fast kernels see it: few axes, sorted by memory order, cut into tiles.
//
// Dimensions are collapsed to
//   kept axes (outermost first) | one `lane` axis: the kept axis that moves least in memory | reduced axes, the last is the `run`
// so that every input layout becomes one of two patterns:
//   across  the lane axis is innermost (sum over N, H, W in channels-last): an accumulator a lane, the rows are added to them
//   along   the run is innermost (sum over H, W in NCHW): each lane's run is folded into one accumulator
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

#include "kernels/view.h"

namespace tessera::kernels {

struct Axis {
  int64_t size = 1;
  int64_t in = 0, out = 0, extra = 0;  // strides: of the input, of the output, of a second output
};

struct AxisList {
  std::array<Axis, kMaxDims> axes{};
  int count = 0;

  const Axis* begin() const { return axes.data(); }
  const Axis* end() const { return axes.data() + count; }

  // Outermost first; neighbours that lie without a gap in every operand become one axis.
  void collapse() {
    std::stable_sort(axes.begin(), axes.begin() + count,
                     [](const Axis& a, const Axis& b) { return std::abs(a.in) > std::abs(b.in); });
    int last = 0;
    for (int i = 1; i < count; ++i) {
      Axis& outer = axes[last];
      const Axis& inner = axes[i];
      const bool dense =
          outer.in == inner.in * inner.size && outer.out == inner.out * inner.size && outer.extra == inner.extra * inner.size;
      if (dense)
        outer = {outer.size * inner.size, inner.in, inner.out, inner.extra};
      else
        axes[++last] = inner;
    }
    count = count == 0 ? 0 : last + 1;
  }

  int64_t total() const {
    int64_t n = 1;
    for (const Axis& axis : *this) n *= axis.size;
    return n;
  }

  void push(const Axis& axis) { axes[count++] = axis; }
  Axis pop() { return count == 0 ? Axis{} : axes[--count]; }
};

struct ReducePlan {
  AxisList kept;  // without the lane axis
  Axis lane;
  AxisList reduced;  // without the run
  Axis run;
  int64_t reduced_count = 1;  // elements that fall on one output
  bool across = false;
  int64_t tile = 1;    // lanes a tile
  int64_t tiles = 1;   // tiles in all: kept positions x tiles of the lane axis
  int64_t chunks = 1;  // parts that the reduced elements of a tile are cut into

  int64_t lane_tiles() const { return (lane.size + tile - 1) / tile; }
};

inline constexpr int64_t kMaxTile = 512;

// is_reduced(d) says which dimensions of `in` are reduced; the strides of the outputs count in the others only. A second output
// has the first one's shape; its data may be null.
template <class IsReduced> ReducePlan plan_reduction(const View& in, const View& out, const View& extra, IsReduced is_reduced) {
  ReducePlan plan;
  for (int d = 0; d < in.ndim; ++d) {
    if (in.sizes[d] == 1) continue;
    if (is_reduced(d))
      plan.reduced.push({in.sizes[d], in.strides[d], 0, 0});
    else
      plan.kept.push({in.sizes[d], in.strides[d], out.strides[d], extra.strides[d]});
  }
  plan.kept.collapse();
  plan.reduced.collapse();
  plan.reduced_count = plan.reduced.total();
  plan.lane = plan.kept.pop();
  plan.run = plan.reduced.pop();
  const bool short_runs = plan.run.size < 64 && plan.lane.size >= 16;
  plan.across = plan.lane.size > 1 && (std::abs(plan.lane.in) < std::abs(plan.run.in) || short_runs);
  // Tiles that are gathered, or whose lanes are read one after the other, must stay in the first-level cache.
  const int64_t widest = plan.across ? (plan.lane.in == 1 ? kMaxTile : 128)
                                     : std::clamp<int64_t>(4096 / std::max<int64_t>(1, plan.reduced_count), 1, 128);
  plan.tile = std::min(plan.lane.size, widest);
  plan.tiles = plan.tile == 0 ? 0 : plan.kept.total() * plan.lane_tiles();
  // Few tiles with much work each are cut along the reduced elements: to at most 256 parts, whatever the number of threads.
  if (plan.tiles > 0) {
    plan.chunks = std::clamp<int64_t>(plan.tile * plan.reduced_count / 32768, 1, std::max<int64_t>(1, 256 / plan.tiles));
  }
  return plan;
}

// Where a tile lies: offsets of its first lane, its width, and its place in the order of tiles.
struct Tile {
  int64_t in = 0, out = 0, extra = 0;
  int64_t width = 0;
  int64_t position = 0;  // kept position x lane.size + first lane
};

inline Tile tile_at(const ReducePlan& plan, int64_t index) {
  const int64_t lane_tiles = plan.lane_tiles(), first = index % lane_tiles * plan.tile;
  Tile tile{first * plan.lane.in, first * plan.lane.out, first * plan.lane.extra, std::min(plan.tile, plan.lane.size - first),
            index / lane_tiles * plan.lane.size + first};
  int64_t rest = index / lane_tiles;
  for (int i = plan.kept.count - 1; i >= 0; --i) {
    const Axis& axis = plan.kept.axes[i];
    const int64_t at = rest % axis.size;
    rest /= axis.size;
    tile.in += at * axis.in;
    tile.out += at * axis.out;
    tile.extra += at * axis.extra;
  }
  return tile;
}

// Calls body(offset, length) for the pieces of runs that make up the reduced elements [begin, end) in their order.
template <class Body> void for_each_run(const ReducePlan& plan, int64_t begin, int64_t end, Body&& body) {
  while (begin < end) {
    const int64_t at = begin % plan.run.size, length = std::min(plan.run.size - at, end - begin);
    int64_t offset = at * plan.run.in, rest = begin / plan.run.size;
    for (int i = plan.reduced.count - 1; i >= 0; --i) {
      const Axis& axis = plan.reduced.axes[i];
      offset += rest % axis.size * axis.in;
      rest /= axis.size;
    }
    body(offset, length);
    begin += length;
  }
}

}  // namespace tessera::kernels
