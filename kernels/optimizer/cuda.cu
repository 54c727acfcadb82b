// Optimizer steps on CUDA: one kernel reads the parameter, its gradient and its state, and writes parameter and state.
//
// A thread does a pack of 4 elements (float32) or 8 (the halves) where all views are dense in the same order, which parameters are;
// else one element through strides. The formulas are those of steps.h. Memory traffic: each of the views once each way.
#include <tuple>

#include "kernels/cuda/index.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"
#include "kernels/elementwise/plan.h"
#include "kernels/optimizer/steps.h"

namespace tessera::kernels::cuda {
namespace {

// The parameter, the states that are in use, the gradient. Data is null for a state that is not.
template <int N, class S> struct Elements {
  S* data[N];
};

// Step(parameter, state..., gradient) on N numbers, of which all but the last are results.
template <class Step, class T, size_t... k> __device__ inline void take_step(const Step& step, T* v, std::index_sequence<k...>) {
  step(v[k]...);
}

template <int N, int V, class S, class Step>
__global__ void __launch_bounds__(kThreads)
    step_kernel(Elements<N, S> elements, int64_t packs, int64_t numel, OffsetCalculator<N> offsets, Step step) {
  using T = compute_t<S>;
  constexpr auto every = std::make_index_sequence<N>{};
  for (int64_t p = thread_position(); p < packs; p += thread_count()) {
    std::array<int64_t, N> at;
    if constexpr (V == 1) at = offsets(p);
    else at.fill(p * V);
    Pack<T, V> values[N]{};
#pragma unroll
    for (int k = 0; k < N; ++k)
      if (elements.data[k] != nullptr) values[k] = convert_pack<T>(load_pack<V>(elements.data[k] + at[k]));
#pragma unroll
    for (int v = 0; v < V; ++v) {
      T numbers[N];
#pragma unroll
      for (int k = 0; k < N; ++k) numbers[k] = values[k][v];
      take_step(step, numbers, every);
#pragma unroll
      for (int k = 0; k + 1 < N; ++k) values[k][v] = numbers[k];
    }
#pragma unroll
    for (int k = 0; k + 1 < N; ++k)
      if (elements.data[k] != nullptr) store_pack(elements.data[k] + at[k], convert_pack<S>(values[k]));
  }
  // What does not fill a pack.
  const int64_t i = packs * V + thread_position();
  if (V > 1 && i < numel) {
    T numbers[N];
    for (int k = 0; k < N; ++k) numbers[k] = elements.data[k] != nullptr ? convert_to<T>(elements.data[k][i]) : T(0);
    take_step(step, numbers, every);
    for (int k = 0; k + 1 < N; ++k)
      if (elements.data[k] != nullptr) elements.data[k][i] = convert_to<S>(numbers[k]);
  }
}

template <template <class> class Step, class Params, size_t N>
void run_step(const char* name, const Params& params, std::array<View, N> views) {
  std::array<const View*, N> all;
  for (size_t k = 0; k < N; ++k) all[k] = views[k].data == nullptr ? &views[0] : &views[k];  // strides of one that is there
  const auto plan = make_plan<N>(all);
  dispatch_floating(views[0].dtype, [&]<class S>() {
    constexpr int V = kPackSize<S>;
    const Step<compute_t<S>> step(params);
    Elements<N, S> elements;
    bool packed = true;
    for (size_t k = 0; k < N; ++k) {
      elements.data[k] = views[k].template as<S>();
      packed = packed && plan.is_flat(k) && is_aligned(plan.data[k]);
    }
    if (plan.numel == 0) return;
    if (packed)
      launch(name, step_kernel<N, V, S, Step<compute_t<S>>>, grid_for(div_up(plan.numel, V)), kThreads, 0, elements, plan.numel / V,
             plan.numel, OffsetCalculator<N>(), step);
    else
      launch(name, step_kernel<N, 1, S, Step<compute_t<S>>>, grid_for(plan.numel), kThreads, 0, elements, plan.numel, plan.numel,
             OffsetCalculator<N>(plan.ndim, plan.sizes, plan.strides), step);
  });
}

}  // namespace

void sgd_step(const View& p, const View& m, const View& g, const SgdParams& params) {
  run_step<SgdElement>("sgd_step", params, std::array{p, params.momentum != 0 ? m : View{}, g});
}

void rmsprop_step(const View& p, const View& s, const View& a, const View& m, const View& g, const RmspropParams& params) {
  run_step<RmspropElement>("rmsprop_step", params,
                           std::array{p, s, params.centered ? a : View{}, params.momentum != 0 ? m : View{}, g});
}

void adam_step(const View& p, const View& m, const View& v, const View& w, const View& g, const AdamParams& params) {
  run_step<AdamElement>("adam_step", params, std::array{p, m, v, params.amsgrad ? w : View{}, g});
}

void adagrad_step(const View& p, const View& s, const View& g, const AdagradParams& params) {
  run_step<AdagradElement>("adagrad_step", params, std::array{p, s, g});
}

}  // namespace tessera::kernels::cuda
