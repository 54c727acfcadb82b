// The one reduction loop of all CUDA reductions. For .cu files.
//
// A block of 256 threads is a tile of `lanes` outputs by `slots` threads that share the reduced elements of each; both are powers of
// two. Which of the two runs along threadIdx.x depends on what lies closest together in memory (plan.h): the reduced elements
// ("along": sum over H, W in NCHW) or the outputs ("across": sum over N, H, W in channels-last); a warp reads adjacent memory in
// both. Where the type is float32 or bfloat16 and packs fit, a thread reads 16 bytes at a time: several reduced elements or several
// outputs. Thread s of a tile takes the elements s, s + slots, ...; the slots are then combined in a tree in shared memory. With
// few outputs the reduced elements are cut into chunks (blockIdx.y), whose results a second kernel combines in the same way. The
// order of all additions depends on shapes, strides and the GPU model alone.
//
// Memory traffic: the input once, plus at most 1024 partial results an output.
//
// An Op has   Acc            what is accumulated
//             identity()     its neutral element
//             lift(x, r, m)  the Acc of one element: its value, its place among the reduced elements, its output
//             combine(a, b)  associative up to rounding, commutative
// and Store is called as store(acc, m) once an output.
#pragma once

#include "kernels/cuda/index.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/pack.h"
#include "kernels/reduce/plan.h"

namespace tessera::kernels::cuda {

struct ReduceShape {
  int64_t outputs = 0, count = 0;  // count: reduced elements an output
  bool across = false;
  OffsetCalculator<1> kept_in, reduced_in;
  OffsetCalculator<2> kept_out;  // of the output and of a second one
  Axis lane, run;                // the innermost axis of each side
};

namespace detail {

// The axes of a list and one more inside them, as a calculator of the given strides.
template <int K, class Stride> OffsetCalculator<K> calculator(const AxisList& outer, const Axis& inner, Stride&& stride) {
  std::array<int64_t, kMaxDims> sizes{};
  std::array<std::array<int64_t, kMaxDims>, K> strides{};
  int ndim = 0;
  const auto push = [&](const Axis& axis) {
    sizes[ndim] = axis.size;
    for (int k = 0; k < K; ++k) strides[k][ndim] = stride(axis, k);
    ++ndim;
  };
  push(inner);
  for (int i = outer.count - 1; i >= 0 && ndim < kMaxDims; --i) push(outer.axes[i]);
  return OffsetCalculator<K>(ndim, sizes, strides);
}

}  // namespace detail

template <class IsReduced> ReduceShape reduce_shape(const View& in, const View& out, const View& extra, IsReduced is_reduced) {
  const ReducePlan plan = plan_reduction(in, out, extra, is_reduced);
  ReduceShape shape;
  shape.outputs = plan.kept.total() * plan.lane.size;
  shape.count = plan.reduced_count;
  shape.across = plan.across;
  shape.lane = plan.lane;
  shape.run = plan.run;
  const auto in_stride = [](const Axis& axis, int) { return axis.in; };
  shape.kept_in = detail::calculator<1>(plan.kept, plan.lane, in_stride);
  shape.reduced_in = detail::calculator<1>(plan.reduced, plan.run, in_stride);
  shape.kept_out = detail::calculator<2>(plan.kept, plan.lane, [](const Axis& axis, int k) { return k == 0 ? axis.out : axis.extra; });
  return shape;
}

// How a reduction is cut. Counts are in packs where packs are read.
struct ReduceTile {
  int lanes = 1, slots = kThreads, chunks = 1;
};

// All slots' values of each lane to slot 0. Thread (lane, slot) has its value at shared[slot * lanes + lane].
template <class Acc, class Op> __device__ inline void combine_slots(Acc* shared, int lanes, int slots, int lane, int slot, const Op& op) {
  __syncthreads();
  for (int distance = slots / 2; distance > 0; distance /= 2) {
    if (slot < distance)
      shared[slot * lanes + lane] = op.combine(shared[slot * lanes + lane], shared[(slot + distance) * lanes + lane]);
    __syncthreads();
  }
}

// In: float, BFloat16, or void for a type known at run time (then without packs). kReducePack elements of the run, or kLanePack
// outputs, are read at once.
template <class In, int kReducePack, int kLanePack, class Value, class Op, class Store>
__global__ void __launch_bounds__(kThreads)
    reduce_kernel(const void* in, ScalarType dtype, ReduceShape shape, ReduceTile tile, typename Op::Acc* partial, Op op, Store store) {
  wait_for_kernel_before();
  using Acc = typename Op::Acc;
  constexpr int kPack = kReducePack * kLanePack, kUnroll = 4;
  __shared__ Acc shared[kThreads];
  const int lane = shape.across ? threadIdx.x % tile.lanes : threadIdx.x / tile.slots;
  const int slot = shape.across ? threadIdx.x / tile.lanes : threadIdx.x % tile.slots;
  const int64_t outputs = shape.outputs / kLanePack, count = shape.count / kReducePack;
  const int64_t output = int64_t{blockIdx.x} * tile.lanes + lane;
  const int64_t begin = count * blockIdx.y / tile.chunks, end = count * (blockIdx.y + 1) / tile.chunks;

  Acc acc[kLanePack];
#pragma unroll
  for (int v = 0; v < kLanePack; ++v) acc[v] = op.identity();
  if (output < outputs) {
    const int64_t base = shape.kept_in(output)[0];
    const auto take = [&](int64_t r, const auto& stored) {
      const auto values = convert_pack<Value>(stored);
#pragma unroll
      for (int v = 0; v < kPack; ++v) {
        Acc& a = acc[kLanePack == 1 ? 0 : v];
        a = op.combine(a, op.lift(values[v], r * kReducePack + (kLanePack == 1 ? v : 0), output * kLanePack + v % kLanePack));
      }
    };
    if constexpr (std::is_void_v<In>) {
      for (int64_t r = begin + slot; r < end; r += tile.slots) {
        const Pack<Value, 1> value{load_as<Value>(in, dtype, base + shape.reduced_in(r)[0])};
        take(r, value);
      }
    } else {
      const In* from = static_cast<const In*>(in) + base;
      int64_t r = begin + slot;
      for (; r + (kUnroll - 1) * tile.slots < end; r += kUnroll * tile.slots) {
        Pack<In, kPack> values[kUnroll];
#pragma unroll
        for (int u = 0; u < kUnroll; ++u) values[u] = load_pack<kPack>(from + shape.reduced_in(r + u * tile.slots)[0]);
#pragma unroll
        for (int u = 0; u < kUnroll; ++u) take(r + u * tile.slots, values[u]);
      }
      for (; r < end; r += tile.slots) take(r, load_pack<kPack>(from + shape.reduced_in(r)[0]));
    }
  }
#pragma unroll
  for (int v = 0; v < kLanePack; ++v) {
    shared[slot * tile.lanes + lane] = acc[v];
    combine_slots(shared, tile.lanes, tile.slots, lane, slot, op);
    if (slot == 0 && output < outputs) {
      const int64_t m = output * kLanePack + v;
      if (partial != nullptr) partial[blockIdx.y * shape.outputs + m] = shared[lane];
      else store(shared[lane], m);
    }
    __syncthreads();
  }
}

// A block combines the partial results of one output.
template <class Op, class Store>
__global__ void __launch_bounds__(kThreads)
    combine_kernel(const typename Op::Acc* partial, int64_t outputs, int chunks, Op op, Store store) {
  wait_for_kernel_before();
  __shared__ typename Op::Acc shared[kThreads];
  const int64_t m = blockIdx.x;
  auto acc = op.identity();
  for (int c = threadIdx.x; c < chunks; c += kThreads) acc = op.combine(acc, partial[c * outputs + m]);
  shared[threadIdx.x] = acc;
  combine_slots(shared, 1, kThreads, 0, threadIdx.x, op);
  if (threadIdx.x == 0) store(shared[0], m);
}

// `outputs` and `count` in packs.
inline ReduceTile reduce_tile(int64_t outputs, int64_t count, bool across) {
  const auto power_of_two = [](int64_t n) {
    int p = 1;
    while (p < n && p < kThreads) p *= 2;
    return p;
  };
  ReduceTile tile;
  const int64_t wanted = int64_t{multiprocessors()} * 8;
  // Across: 32 adjacent packs are whole memory lines already; with many outputs a thread has one to itself. Along: the slots of a
  // tile read one run. Each slot should have some elements to itself; where there are few, a block takes more outputs instead.
  if (across) tile.slots = std::min(kThreads / std::min(kWarp, power_of_two(outputs)), power_of_two(div_up(count, 4)));
  else tile.slots = count <= 64 ? power_of_two(div_up(count, 8)) : std::max(kWarp, power_of_two(div_up(count, 4)));
  while (across && tile.slots > 1 && outputs * (tile.slots / 2) >= wanted * kThreads) tile.slots /= 2;
  tile.lanes = kThreads / tile.slots;
  const int64_t blocks = div_up(outputs, tile.lanes);
  if (blocks < wanted) {
    const int64_t most = std::max<int64_t>(1, count / (int64_t{tile.slots} * 8));
    tile.chunks = static_cast<int>(std::clamp<int64_t>(div_up(wanted, std::max<int64_t>(1, blocks)), 1, std::min<int64_t>(most, 1024)));
  }
  return tile;
}

template <class In, int kReducePack, int kLanePack, class Value, class Op, class Store>
void run_reduce(const char* name, const View& in, const ReduceShape& original, const Op& op, const Store& store) {
  ReduceShape shape = original;
  if (kReducePack > 1) shape.reduced_in = shape.reduced_in.in_packs(kReducePack);
  if (kLanePack > 1) shape.kept_in = shape.kept_in.in_packs(kLanePack);
  const int64_t outputs = shape.outputs / kLanePack;
  const ReduceTile tile = reduce_tile(outputs, shape.count / kReducePack, shape.across);
  const dim3 grid(static_cast<unsigned>(div_up(outputs, tile.lanes)), static_cast<unsigned>(tile.chunks));
  if (tile.chunks == 1) {
    launch(name, reduce_kernel<In, kReducePack, kLanePack, Value, Op, Store>, grid, kThreads, 0, in.data, in.dtype, shape, tile,
           nullptr, op, store);
    return;
  }
  const DeviceScratch<typename Op::Acc> partial(shape.outputs * tile.chunks);
  launch(name, reduce_kernel<In, kReducePack, kLanePack, Value, Op, Store>, grid, kThreads, 0, in.data, in.dtype, shape, tile,
         partial.data(), op, store);
  launch("reduce_combine", combine_kernel<Op, Store>, dim3(static_cast<unsigned>(shape.outputs)), kThreads, 0, partial.data(),
         shape.outputs, tile.chunks, op, store);
}

// Whether packs of V elements fit: `axis` is read in packs, all other strides must keep them aligned.
inline bool packs_fit(const View& in, const ReduceShape& shape, const Axis& axis, int V) {
  if (axis.in != 1 || axis.size % V != 0 || !is_aligned(in.data)) return false;
  for (int d = 0; d < in.ndim; ++d)
    if (in.sizes[d] > 1 && in.strides[d] != 1 && in.strides[d] % V != 0) return false;
  return shape.outputs > 0;
}

template <class In, class Value, class Op, class Store>
bool reduce_packed(const char* name, const View& in, const ReduceShape& shape, const Op& op, const Store& store) {
  constexpr int V = kPackSize<In>;
  if (in.dtype != scalar_type_v<In>) return false;
  if (!shape.across && packs_fit(in, shape, shape.run, V)) run_reduce<In, V, 1, Value>(name, in, shape, op, store);
  else if (shape.across && packs_fit(in, shape, shape.lane, V)) run_reduce<In, 1, V, Value>(name, in, shape, op, store);
  else return false;
  return true;
}

}  // namespace tessera::kernels::cuda
