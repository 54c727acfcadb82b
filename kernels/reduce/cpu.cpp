// Sums, products, extremes, norms and variance on the CPU.
//
// Parallel mapping: a task is a tile of up to 512 outputs, or one of up to 256 parts of a tile's reduced elements; a thread takes
// a contiguous range of tasks. A SIMD lane is an output where the outputs are neighbours in memory (`across`), else one of 32
// interleaved accumulators of a run (`along`). The cut into tasks depends on shape and strides alone, and the partial results
// are combined as a fixed binary tree: the same bits for any number of threads.
// Memory traffic: the input is read once (variance: twice), the outputs are written once.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/reduce/cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>
#include <limits>

#include "kernels/parallel.h"
#include "kernels/reduce/load-inl.h"
#include "kernels/reduce/plan.h"
#include "kernels/reduce/reduce.h"
#include "kernels/scratch.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

// A fold: start at identity(), take in an element with step(), join two partial results with combine().
template <class C> struct Adder {
  using Acc = wide_t<C>;
  static Acc identity() { return 0; }
  static Acc combine(Acc a, Acc b) { return a + b; }
};
template <class C> struct SumFold : Adder<C> {
  static wide_t<C> step(wide_t<C> a, C v, double) { return a + v; }
};
template <class C> struct L1Fold : Adder<C> {
  static wide_t<C> step(wide_t<C> a, C v, double) { return a + (v < 0 ? -v : v); }
};
template <class C> struct L2Fold : Adder<C> {
  static wide_t<C> step(wide_t<C> a, C v, double) { return a + static_cast<wide_t<C>>(v) * v; }
};
template <class C> struct DeviationFold : Adder<C> {
  static wide_t<C> step(wide_t<C> a, C v, double center) { return a + (v - center) * (v - center); }
};
template <class C> struct ProdFold {
  using Acc = wide_t<C>;
  static Acc identity() { return 1; }
  static Acc combine(Acc a, Acc b) { return a * b; }
  static Acc step(Acc a, C v, double) { return a * v; }
};
template <class C> struct MaxFold {
  using Acc = C;
  static C identity() { return std::is_integral_v<C> ? std::numeric_limits<C>::lowest() : -std::numeric_limits<C>::infinity(); }
  static C combine(C a, C b) { return (b > a) | (b != b) ? b : a; }
  static C step(C a, C v, double) { return combine(a, v); }
};
template <class C> struct MinFold {
  using Acc = C;
  static C identity() { return std::is_integral_v<C> ? std::numeric_limits<C>::max() : std::numeric_limits<C>::infinity(); }
  static C combine(C a, C b) { return (b < a) | (b != b) ? b : a; }
  static C step(C a, C v, double) { return combine(a, v); }
};
template <class C> struct AllFold {
  using Acc = C;
  static C identity() { return 1; }
  static C combine(C a, C b) { return (a != 0) & (b != 0) ? C(1) : C(0); }
  static C step(C a, C v, double) { return combine(a, v); }
};
template <class C> struct AnyFold {
  using Acc = C;
  static C identity() { return 0; }
  static C combine(C a, C b) { return (a != 0) | (b != 0) ? C(1) : C(0); }
  static C step(C a, C v, double) { return combine(a, v); }
};

// Joins `count` rows of `width` accumulators pairwise into the first row.
template <class Fold, class Acc = typename Fold::Acc> void combine_rows(Acc* rows, int64_t count, int64_t width) {
  for (int64_t step = 1; step < count; step *= 2) {
    for (int64_t i = 0; i + step < count; i += 2 * step) {
      Acc* to = rows + i * width;
      const Acc* from = to + step * width;
      for (int64_t l = 0; l < width; ++l) to[l] = Fold::combine(to[l], from[l]);
    }
  }
}

// Folds an array into one accumulator, over 32 interleaved ones.
template <class Fold, class C> typename Fold::Acc fold_array(const C* values, int64_t count, double center) {
  constexpr int kLanes = 32;
  typename Fold::Acc lanes[kLanes];
  for (auto& lane : lanes) lane = Fold::identity();
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) lanes[l] = Fold::step(lanes[l], values[i + l], center);
  }
  for (int l = 0; i < count; ++i, ++l) lanes[l] = Fold::step(lanes[l], values[i], center);
  combine_rows<Fold>(lanes, std::min<int64_t>(count, kLanes), 1);
  return lanes[0];
}

template <class Fold, class C> class Folder {
 public:
  using Acc = typename Fold::Acc;

  Folder(const ReducePlan& plan, const View& in, Load<C>* load) : plan_(plan), data_(in.data), load_(load) {}

  // Folds every tile and hands it over: finish(tile, accumulators). centers: one number an output in the order of tiles, or null.
  template <class Finish> void run(const double* centers, Finish finish) const {
    const int64_t chunks = plan_.chunks, tile = plan_.tile;
    Scratch<Acc> parts(chunks == 1 ? 0 : plan_.tiles * chunks * tile);
    const int64_t work = std::max<int64_t>(1, tile * (plan_.reduced_count / chunks));
    parallel_for(plan_.tiles * chunks, 16384 / work, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const Tile at = tile_at(plan_, task / chunks);
        const int64_t chunk = task % chunks, count = plan_.reduced_count;
        Acc local[kMaxTile];
        Acc* acc = chunks == 1 ? local : parts.data() + task * tile;
        fold_tile(acc, at, count * chunk / chunks, count * (chunk + 1) / chunks, centers);
        if (chunks == 1) finish(at, acc);
      }
    });
    if (chunks == 1) return;
    for (int64_t t = 0; t < plan_.tiles; ++t) {
      Acc* rows = parts.data() + t * chunks * tile;
      combine_rows<Fold>(rows, chunks, tile);
      finish(tile_at(plan_, t), rows);
    }
  }

 private:
  void fold_tile(Acc* acc, const Tile& tile, int64_t begin, int64_t end, const double* centers) const {
    for (int64_t l = 0; l < plan_.tile; ++l) acc[l] = Fold::identity();
    if (centers != nullptr) centers += tile.position;
    if (plan_.across)
      fold_across(acc, tile, begin, end, centers);
    else
      fold_along(acc, tile, begin, end, centers);
  }

  void fold_along(Acc* acc, const Tile& tile, int64_t begin, int64_t end, const double* centers) const {
    constexpr int64_t kPiece = 2048;
    C buffer[kPiece];
    for (int64_t l = 0; l < tile.width; ++l) {
      const double center = centers == nullptr ? 0 : centers[l];
      const int64_t base = tile.in + l * plan_.lane.in;
      for_each_run(plan_, begin, end, [&](int64_t offset, int64_t length) {
        for (int64_t i = 0; i < length; i += kPiece) {
          const int64_t count = std::min(kPiece, length - i);
          const C* values = load_(data_, base + offset + i * plan_.run.in, plan_.run.in, count, buffer);
          acc[l] = Fold::combine(acc[l], fold_array<Fold>(values, count, center));
        }
      });
    }
  }

  // Rows of lanes are added to a block of accumulators that is emptied into `acc` every 64 rows: sums of sums, so that float64
  // loses few digits. Few dense lanes (up to 64 channels in channels-last) are widened: several rows, one after the other in
  // memory, are taken as one row, which fills the SIMD lanes.
  void fold_across(Acc* acc, const Tile& tile, int64_t begin, int64_t end, const double* centers) const {
    const int64_t width = tile.width;
    const bool dense = plan_.lane.in == 1 && plan_.run.in == plan_.lane.size && width == plan_.lane.size;
    const int64_t widen = dense ? std::max<int64_t>(1, kMaxTile / 2 / width) : 1, wide = width * widen;
    Acc block[kMaxTile];
    C buffer[kMaxTile];
    double center[kMaxTile] = {};
    if (centers != nullptr) {
      for (int64_t l = 0; l < wide; ++l) center[l] = centers[l % width];
    }
    const auto clear = [&] {
      for (int64_t l = 0; l < wide; ++l) block[l] = Fold::identity();
    };
    const auto flush = [&] {
      combine_rows<Fold>(block, widen, width);
      for (int64_t l = 0; l < width; ++l) acc[l] = Fold::combine(acc[l], block[l]);
    };
    int rows = 0;
    clear();
    for_each_run(plan_, begin, end, [&](int64_t offset, int64_t length) {
      for (int64_t r = 0; r < length; r += widen) {
        const int64_t count = std::min(widen, length - r) * width;
        const C* values = load_(data_, tile.in + offset + r * plan_.run.in, plan_.lane.in, count, buffer);
        for (int64_t l = 0; l < count; ++l) block[l] = Fold::step(block[l], values[l], center[l]);
        if (++rows == 64) {
          flush();
          clear();
          rows = 0;
        }
      }
    });
    flush();
  }

  const ReducePlan& plan_;
  const void* data_;
  Load<C>* load_;
};

template <class Fold, class C> void fold_to(const View& out, const View& in, const ReducePlan& plan, Load<C>* load, ReduceOp op) {
  Folder<Fold, C>(plan, in, load).run(nullptr, [&](const Tile& tile, const typename Fold::Acc* acc) {
    if (op == ReduceOp::Mean || op == ReduceOp::L2) {
      double finished[kMaxTile];
      for (int64_t l = 0; l < tile.width; ++l) {
        const double value = static_cast<double>(acc[l]);
        finished[l] = op == ReduceOp::Mean ? value / static_cast<double>(plan.reduced_count) : std::sqrt(value);
      }
      store(out.data, out.dtype, tile.out, plan.lane.out, tile.width, finished);
    } else {
      store(out.data, out.dtype, tile.out, plan.lane.out, tile.width, acc);
    }
  });
}

void reduce(const View& out, const View& in, ReduceOp op) {
  const ReducePlan plan = plan_reduction(in, out, View{}, [&](int d) { return out.sizes[d] == 1; });
  with_load(in.dtype, [&]<class C>(Load<C>* load) {
    switch (op) {
      case ReduceOp::Sum:
      case ReduceOp::Mean: return fold_to<SumFold<C>, C>(out, in, plan, load, op);
      case ReduceOp::Prod: return fold_to<ProdFold<C>, C>(out, in, plan, load, op);
      case ReduceOp::Max: return fold_to<MaxFold<C>, C>(out, in, plan, load, op);
      case ReduceOp::Min: return fold_to<MinFold<C>, C>(out, in, plan, load, op);
      case ReduceOp::All: return fold_to<AllFold<C>, C>(out, in, plan, load, op);
      case ReduceOp::Any: return fold_to<AnyFold<C>, C>(out, in, plan, load, op);
      case ReduceOp::L1: return fold_to<L1Fold<C>, C>(out, in, plan, load, op);
      case ReduceOp::L2: return fold_to<L2Fold<C>, C>(out, in, plan, load, op);
    }
  });
}

void variance(const View& variance, const View& mean, const View& in, double correction) {
  const ReducePlan plan = plan_reduction(in, variance, mean, [&](int d) { return variance.sizes[d] == 1; });
  const double count = static_cast<double>(plan.reduced_count);
  Scratch<double> centers(variance.numel());
  dispatch_floating(in.dtype, [&]<class T>() {
    using C = load_t<T>;
    Folder<SumFold<C>, C>(plan, in, &load<T>).run(nullptr, [&](const Tile& tile, const double* sums) {
      for (int64_t l = 0; l < tile.width; ++l) centers[tile.position + l] = sums[l] / count;
      if (mean.data != nullptr) {
        store(mean.data, mean.dtype, tile.extra, plan.lane.extra, tile.width, centers.data() + tile.position);
      }
    });
    Folder<DeviationFold<C>, C>(plan, in, &load<T>).run(centers.data(), [&](const Tile& tile, const double* squares) {
      double result[kMaxTile];
      for (int64_t l = 0; l < tile.width; ++l) result[l] = squares[l] / std::max(0.0, count - correction);
      store(variance.data, variance.dtype, tile.out, plan.lane.out, tile.width, result);
    });
  });
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels::cpu {

HWY_EXPORT(reduce);
HWY_EXPORT(variance);

void reduce(const View& out, const View& in, ReduceOp op) {
  HWY_DYNAMIC_DISPATCH(reduce)(out, in, op);
}

void variance(const View& variance, const View& mean, const View& in, double correction) {
  HWY_DYNAMIC_DISPATCH(variance)(variance, mean, in, correction);
}

}  // namespace tessera::kernels::cpu
#endif
