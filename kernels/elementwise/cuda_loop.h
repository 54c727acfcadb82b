// The two loops of all elementwise CUDA kernels, over the plan of plan.h. For .cu files.
//
//   packed  All operands have one dtype S, and in the innermost dimension stride 1 or 0 (broadcast): a thread reads one 16-byte
//           pack of each operand, four at a time before it computes, applies the function to each element in compute_t<S>, and
//           writes packs. A warp's accesses are 512 adjacent bytes. Dense tensors of any memory order are one dimension here.
//   plain   Any dtypes and strides: a thread does one element at a time; dtypes are a switch that a warp takes together.
//
// Memory traffic: each operand once; a broadcast operand comes from the caches.
#pragma once

#include "kernels/cuda/index.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"
#include "kernels/elementwise/plan.h"

namespace tessera::kernels::cuda {

// Operand 0 is the output.
template <int N> struct Operands {
  void* data[N];
  ScalarType dtypes[N];
  bool broadcast[N];  // along the innermost dimension
};

template <int N> Operands<N> operands_of(const ElementwisePlan<N>& plan) {
  Operands<N> operands;
  for (int k = 0; k < N; ++k) {
    operands.data[k] = plan.data[k];
    operands.dtypes[k] = plan.dtypes[k];
    operands.broadcast[k] = plan.strides[k][0] == 0;
  }
  return operands;
}

template <int N, class F, class T, size_t... k>
__device__ inline T apply_to(const F& f, const T (&inputs)[N - 1], std::index_sequence<k...>) {
  return f(inputs[k]...);
}

inline constexpr int kPacks = 4;  // a thread

// `kFlat`: there is one dimension, so a pack's place is its number, and the numel % pack size elements at the end are done by the
// first threads. Else `offsets` counts packs in dimension 0.
template <int N, class S, class F, bool kFlat>
__global__ void __launch_bounds__(kThreads)
    packed_kernel(Operands<N> operands, int64_t packs, int tail, OffsetCalculator<N> offsets, F f) {
  wait_for_kernel_before();
  constexpr int V = kPackSize<S>;
  using T = compute_t<S>;
  constexpr auto every_input = std::make_index_sequence<N - 1>{};
  const int64_t first = int64_t{blockIdx.x} * (kThreads * kPacks) + threadIdx.x;
  FullPack<S> in[kPacks][N - 1];
  int64_t places[kPacks];
#pragma unroll
  for (int u = 0; u < kPacks; ++u) {
    const int64_t p = first + u * kThreads;
    if (p >= packs) break;
    std::array<int64_t, N> at;
    if constexpr (!kFlat) at = offsets(p);
    places[u] = kFlat ? p * V : at[0];
#pragma unroll
    for (int k = 1; k < N; ++k) {
      const S* from = static_cast<const S*>(operands.data[k]);
      if (operands.broadcast[k]) {
        const S value = from[kFlat ? 0 : at[k]];
#pragma unroll
        for (int v = 0; v < V; ++v) in[u][k - 1][v] = value;
      } else {
        in[u][k - 1] = load_pack<V>(from + (kFlat ? p * V : at[k]));
      }
    }
  }
#pragma unroll
  for (int u = 0; u < kPacks; ++u) {
    if (first + u * kThreads >= packs) break;
    Pack<T, V> numbers[N - 1], out;
#pragma unroll
    for (int k = 0; k < N - 1; ++k) numbers[k] = convert_pack<T>(in[u][k]);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      T inputs[N - 1];
#pragma unroll
      for (int k = 0; k < N - 1; ++k) inputs[k] = numbers[k][v];
      out[v] = apply_to<N>(f, inputs, every_input);
    }
    store_pack(static_cast<S*>(operands.data[0]) + places[u], convert_pack<S>(out));
  }
  if (kFlat && first < tail) {
    const int64_t p = packs * V + first;
    T inputs[N - 1];
    for (int k = 1; k < N; ++k)
      inputs[k - 1] = convert_to<T>(static_cast<const S*>(operands.data[k])[operands.broadcast[k] ? 0 : p]);
    static_cast<S*>(operands.data[0])[p] = convert_to<S>(apply_to<N>(f, inputs, every_input));
  }
}

// The plain loop over one dimension, with any dtypes: a thread does 4 adjacent elements, and the switch over dtypes once for them.
template <int N, class T, class F>
__global__ void __launch_bounds__(kThreads) plain_flat_kernel(Operands<N> operands, int64_t numel, F f) {
  wait_for_kernel_before();
  for (int64_t p = thread_position() * 4; p < numel; p += thread_count() * 4) {
    const int count = static_cast<int>(min(int64_t{4}, numel - p));
    Pack<T, 4> in[N - 1], out;
#pragma unroll
    for (int k = 1; k < N; ++k) in[k - 1] = load_pack_as<T, 4>(operands.data[k], operands.dtypes[k], p, count, operands.broadcast[k]);
#pragma unroll
    for (int v = 0; v < 4; ++v) {
      T inputs[N - 1];
#pragma unroll
      for (int k = 0; k < N - 1; ++k) inputs[k] = in[k][v];
      out[v] = apply_to<N>(f, inputs, std::make_index_sequence<N - 1>{});
    }
    store_pack_as(operands.data[0], operands.dtypes[0], p, count, out);
  }
}

template <int N, class T, class F>
__global__ void __launch_bounds__(kThreads) plain_kernel(Operands<N> operands, int64_t numel, OffsetCalculator<N> offsets, F f) {
  wait_for_kernel_before();
  for (int64_t p = thread_position(); p < numel; p += thread_count()) {
    const std::array<int64_t, N> at = offsets(p);
    T inputs[N - 1];
#pragma unroll
    for (int k = 1; k < N; ++k) inputs[k - 1] = load_as<T>(operands.data[k], operands.dtypes[k], at[k]);
    store_as(operands.data[0], operands.dtypes[0], at[0], apply_to<N>(f, inputs, std::make_index_sequence<N - 1>{}));
  }
}

// Whether the packed loop can run with packs of V elements: alignment, and rows of whole packs unless there is only one row.
template <size_t N> bool packs_fit(const ElementwisePlan<N>& plan, int64_t V) {
  for (size_t k = 0; k < N; ++k) {
    const int64_t inner = plan.strides[k][0];
    if (plan.dtypes[k] != plan.dtypes[0] || (inner != 1 && (inner != 0 || k == 0))) return false;
    if (inner == 0) continue;
    if (!is_aligned(plan.data[k])) return false;
    for (int d = 1; d < plan.ndim; ++d)
      if (plan.strides[k][d] % V != 0) return false;
  }
  return plan.ndim == 1 || plan.sizes[0] % V == 0;
}

// out = f(inputs...) in S's compute type, if the packed loop fits; else returns false.
template <class S, size_t N, class F> bool run_packed(const char* name, const ElementwisePlan<N>& plan, const F& f) {
  constexpr int V = kPackSize<S>;
  if (plan.dtypes[0] != scalar_type_v<S> || !packs_fit(plan, V)) return false;
  const auto operands = operands_of<N>(plan);
  const int64_t packs = plan.numel / V;
  const dim3 grid(static_cast<unsigned>(std::max<int64_t>(1, div_up(packs, kThreads * kPacks))));
  if (plan.ndim == 1) {
    launch(name, packed_kernel<N, S, F, true>, grid, kThreads, 0, operands, packs, static_cast<int>(plan.numel % V),
           OffsetCalculator<N>(), f);
  } else {
    launch(name, packed_kernel<N, S, F, false>, grid, kThreads, 0, operands, packs, 0,
           OffsetCalculator<N>(plan.ndim, plan.sizes, plan.strides).in_packs(V), f);
  }
  return true;
}

template <class T, size_t N, class F> void run_plain(const char* name, const ElementwisePlan<N>& plan, const F& f) {
  bool flat = plan.ndim == 1 && plan.strides[0][0] == 1;
  for (size_t k = 0; k < N; ++k) {
    flat = flat && plan.strides[k][0] >= 0 && plan.strides[k][0] <= 1 &&
           (plan.strides[k][0] == 0 || is_aligned(plan.data[k], 4 * element_size(plan.dtypes[k])));
  }
  if (flat)
    return launch(name, plain_flat_kernel<N, T, F>, grid_for(div_up(plan.numel, 4)), kThreads, 0, operands_of<N>(plan), plan.numel, f);
  launch(name, plain_kernel<N, T, F>, grid_for(plan.numel), kThreads, 0, operands_of<N>(plan), plan.numel,
         OffsetCalculator<N>(plan.ndim, plan.sizes, plan.strides), f);
}

// Runs body with T = float, double or int64_t.
template <class F> void dispatch_arithmetic(ScalarType type, F&& body) {
  if (type == kInt64) return body.template operator()<int64_t>();
  dispatch_compute(type, body);
}

}  // namespace tessera::kernels::cuda
