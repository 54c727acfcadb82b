// Optimizer steps on CUDA: one kernel reads parameters, gradients and states, and writes parameters and states.
//
// A launch takes up to kMostTensors parameters, whose addresses lie in the kernel's arguments. A block does kChunk elements of one of
// them: it finds which by bisection over the numbers of blocks before each. A thread does packs of 4 elements (float32) or 8 (the
// halves), all of a chunk's loads in flight at once. Parameters whose views are not dense in the same order go one by one, element
// by element through strides. The formulas are those of steps.h. Memory traffic: each of the views once each way.
#include <utility>

#include "kernels/cuda/index.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/pack.h"
#include "kernels/elementwise/plan.h"
#include "kernels/optimizer/steps.h"

namespace tessera::kernels::cuda {
namespace {

constexpr int kMostTensors = 128;
constexpr int kPacksAThread = 2;

// The parameter, the states that are in use, the gradient. Data is null for a state that is not.
template <int N, class S> struct Elements {
  S* data[N];
};

template <int N, class S> struct TensorTable {
  static constexpr int kChunk = kThreads * kPacksAThread * kPackSize<S>;
  Elements<N, S> elements[kMostTensors];
  int64_t numel[kMostTensors];
  int32_t first_block[kMostTensors + 1];  // of each tensor; behind the last, the number of blocks
  bool packed[kMostTensors];              // all views begin at a multiple of 16 bytes
  int32_t count = 0;
};

// Where a launch has its numbers from, and whether it does anything.
template <class Step> struct StepSource {
  Step step;
  const Step* numbers;
  const bool* skip;
  __device__ bool skipped() const { return skip != nullptr && *skip; }
  __device__ Step get() const { return numbers != nullptr ? *numbers : step; }
};

// Step(parameter, state..., gradient) on N numbers, of which all but the last are results.
template <class Step, class T, size_t... k> __device__ inline void take_step(const Step& step, T* v, std::index_sequence<k...>) {
  step(v[k]...);
}

template <int N, class S, class Offsets, class Step>
__device__ inline void step_one(const Elements<N, S>& elements, const Offsets& at, const Step& step) {
  using T = compute_t<S>;
  T numbers[N];
#pragma unroll
  for (int k = 0; k < N; ++k) numbers[k] = elements.data[k] != nullptr ? convert_to<T>(elements.data[k][at[k]]) : T(0);
  take_step(step, numbers, std::make_index_sequence<N>{});
#pragma unroll
  for (int k = 0; k + 1 < N; ++k)
    if (elements.data[k] != nullptr) elements.data[k][at[k]] = convert_to<S>(numbers[k]);
}

template <int N, class S, class Step>
__global__ void __launch_bounds__(kThreads)
    many_kernel(const __grid_constant__ TensorTable<N, S> table, const __grid_constant__ StepSource<Step> source) {
  wait_for_kernel_before();
  using T = compute_t<S>;
  constexpr int V = kPackSize<S>;
  if (source.skipped()) return;
  const Step step = source.get();
  int tensor = 0;  // the last one that begins at or before this block
  for (int width = kMostTensors / 2; width > 0; width /= 2)
    if (tensor + width < table.count && table.first_block[tensor + width] <= static_cast<int>(blockIdx.x)) tensor += width;
  const Elements<N, S>& elements = table.elements[tensor];
  const int64_t begin = int64_t{static_cast<int>(blockIdx.x) - table.first_block[tensor]} * table.kChunk;
  const int64_t end = begin + table.kChunk < table.numel[tensor] ? begin + table.kChunk : table.numel[tensor];
  int64_t rest = begin;  // what follows the packs is done element by element
  if (table.packed[tensor]) {
    rest = begin + (end - begin) / V * V;
    Pack<T, V> values[kPacksAThread][N]{};
#pragma unroll
    for (int p = 0; p < kPacksAThread; ++p) {
      const int64_t i = begin + (int64_t{p} * kThreads + threadIdx.x) * V;
#pragma unroll
      for (int k = 0; k < N; ++k)
        if (i < rest && elements.data[k] != nullptr) values[p][k] = convert_pack<T>(load_pack<V>(elements.data[k] + i));
    }
#pragma unroll
    for (int p = 0; p < kPacksAThread; ++p) {
      const int64_t i = begin + (int64_t{p} * kThreads + threadIdx.x) * V;
      if (i >= rest) break;
#pragma unroll
      for (int v = 0; v < V; ++v) {
        T numbers[N];
#pragma unroll
        for (int k = 0; k < N; ++k) numbers[k] = values[p][k][v];
        take_step(step, numbers, std::make_index_sequence<N>{});
#pragma unroll
        for (int k = 0; k + 1 < N; ++k) values[p][k][v] = numbers[k];
      }
#pragma unroll
      for (int k = 0; k + 1 < N; ++k)
        if (elements.data[k] != nullptr) store_pack(elements.data[k] + i, convert_pack<S>(values[p][k]));
    }
  }
  for (int64_t i = rest + threadIdx.x; i < end; i += kThreads) {
    std::array<int64_t, N> at;
    at.fill(i);
    step_one(elements, at, step);
  }
}

template <int N, class S, class Step>
__global__ void __launch_bounds__(kThreads)
    strided_kernel(Elements<N, S> elements, int64_t numel, OffsetCalculator<N> offsets, StepSource<Step> source) {
  wait_for_kernel_before();
  if (source.skipped()) return;
  const Step step = source.get();
  for (int64_t p = thread_position(); p < numel; p += thread_count()) step_one(elements, offsets(p), step);
}

// Gathers parameters and launches whenever the table is full.
template <int N, class S, class Step> class Launcher {
 public:
  Launcher(const char* name, const StepSource<Step>& source) : name_(name), source_(source) {}

  void add(const std::array<View, N>& views) {
    std::array<const View*, N> all;
    for (size_t k = 0; k < N; ++k) all[k] = views[k].data == nullptr ? &views[0] : &views[k];  // strides of one that is there
    const auto plan = make_plan<N>(all);
    if (plan.numel == 0) return;
    Elements<N, S> elements;
    bool flat = true, aligned = true;
    for (size_t k = 0; k < N; ++k) {
      elements.data[k] = views[k].template as<S>();
      flat = flat && plan.is_flat(k);
      aligned = aligned && is_aligned(plan.data[k]);
    }
    if (!flat) {
      launch(name_, strided_kernel<N, S, Step>, grid_for(plan.numel), kThreads, 0, elements, plan.numel,
             OffsetCalculator<N>(plan.ndim, plan.sizes, plan.strides), source_);
      return;
    }
    table_.elements[table_.count] = elements;
    table_.numel[table_.count] = plan.numel;
    table_.first_block[table_.count] = blocks_;
    table_.packed[table_.count++] = aligned;
    blocks_ += static_cast<int32_t>(div_up(plan.numel, table_.kChunk));
    if (table_.count == kMostTensors) finish();
  }

  void finish() {
    if (table_.count == 0) return;
    table_.first_block[table_.count] = blocks_;
    launch(name_, many_kernel<N, S, Step>, dim3(static_cast<unsigned>(blocks_)), kThreads, 0, table_, source_);
    table_.count = blocks_ = 0;
  }

 private:
  const char* name_;
  const StepSource<Step> source_;
  TensorTable<N, S> table_;
  int32_t blocks_ = 0;
};

// views(tensors): the parameter, the states, the gradient.
template <template <class> class Step, class Tensors, class Params, class Views>
void run(const char* name, std::span<const Tensors> all, const Params& params, const StepControl& control, const Views& views) {
  if (all.empty()) return;
  constexpr int N = static_cast<int>(std::tuple_size_v<decltype(views(all[0]))>);
  dispatch_floating(all[0].p.dtype, [&]<class S>() {
    using Numbers = Step<compute_t<S>>;
    static_assert(sizeof(Numbers) <= StepControl::kNumberBytes);
    const StepSource<Numbers> source{Numbers(params), static_cast<const Numbers*>(control.numbers), control.skip};
    if (control.write_numbers) return copy_bytes(control.numbers, &source.step, sizeof(Numbers));  // staged before it returns
    Launcher<N, S, Numbers> launcher(name, source);
    for (const Tensors& one : all) launcher.add(views(one));
    launcher.finish();
  });
}

}  // namespace

void sgd_step(std::span<const SgdTensors> all, const SgdParams& params, const StepControl& control) {
  run<SgdElement>("sgd_step", all, params, control,
                  [&](const SgdTensors& t) { return std::array{t.p, params.momentum != 0 ? t.m : View{}, t.g}; });
}

void rmsprop_step(std::span<const RmspropTensors> all, const RmspropParams& params, const StepControl& control) {
  run<RmspropElement>("rmsprop_step", all, params, control, [&](const RmspropTensors& t) {
    return std::array{t.p, t.s, params.centered ? t.a : View{}, params.momentum != 0 ? t.m : View{}, t.g};
  });
}

void adam_step(std::span<const AdamTensors> all, const AdamParams& params, const StepControl& control) {
  run<AdamElement>("adam_step", all, params, control,
                   [&](const AdamTensors& t) { return std::array{t.p, t.m, t.v, params.amsgrad ? t.w : View{}, t.g}; });
}

void adagrad_step(std::span<const AdagradTensors> all, const AdagradParams& params, const StepControl& control) {
  run<AdagradElement>("adagrad_step", all, params, control, [&](const AdagradTensors& t) { return std::array{t.p, t.s, t.g}; });
}

}  // namespace tessera::kernels::cuda
