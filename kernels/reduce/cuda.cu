// Reductions on CUDA: what is accumulated and what is stored; the loop is in cuda_reduce.h.
//
// float32 and the halves are accumulated in float64, integers in int64, as the contract says; on the GPUs of data centres that costs
// nothing beside the memory traffic.
#include "kernels/reduce/cuda_channels.h"
#include "kernels/reduce/cuda_reduce.h"
#include "kernels/reduce/reduce.h"

namespace tessera::kernels::cuda {
namespace {

// The ops that reduce() knows, on values of type A (double or int64_t).
template <ReduceOp op, class A> struct Fold {
  using Acc = A;
  __device__ A identity() const {
    using enum ReduceOp;
    if constexpr (op == Prod || op == All) return A(1);
    else if constexpr (op == Max) return std::is_integral_v<A> ? std::numeric_limits<A>::min() : -std::numeric_limits<A>::infinity();
    else if constexpr (op == Min) return std::is_integral_v<A> ? std::numeric_limits<A>::max() : std::numeric_limits<A>::infinity();
    else return A(0);
  }
  __device__ A lift(A x, int64_t, int64_t) const {
    using enum ReduceOp;
    if constexpr (op == All || op == Any) return A(x != A(0));
    else if constexpr (op == L1) return x < A(0) ? -x : x;
    else if constexpr (op == L2) return x * x;
    else return x;
  }
  __device__ A combine(A a, A b) const {
    using enum ReduceOp;
    if constexpr (op == Prod) return a * b;
    else if constexpr (op == Max) return b > a || b != b ? b : a;
    else if constexpr (op == Min) return b < a || b != b ? b : a;
    else if constexpr (op == All) return A(a != A(0) && b != A(0));
    else if constexpr (op == Any) return A(a != A(0) || b != A(0));
    else return a + b;
  }
};

struct StoreResult {
  void* out;
  ScalarType dtype;
  OffsetCalculator<2> offsets;
  ReduceOp op;
  int64_t count;
  template <class A> __device__ void operator()(A value, int64_t m) const {
    const int64_t at = offsets(m)[0];
    if (op == ReduceOp::Mean) store_as(out, dtype, at, static_cast<double>(value) / static_cast<double>(count));
    else if (op == ReduceOp::L2) store_as(out, dtype, at, sqrt(static_cast<double>(value)));
    else store_as(out, dtype, at, value);
  }
};

template <ReduceOp op> void fold(const View& in, const ReduceShape& shape, const StoreResult& store) {
  if (!is_floating_point(in.dtype)) return run_reduce<void, 1, 1, int64_t>("reduce", in, shape, Fold<op, int64_t>{}, store);
  // What adds nothing up is exact in float.
  constexpr bool exact = op == ReduceOp::Max || op == ReduceOp::Min || op == ReduceOp::All || op == ReduceOp::Any;
  using A = std::conditional_t<exact, float, double>;
  const Fold<op, A> f{};
  if constexpr (op == ReduceOp::Sum)
    if (sum_channels<float>(in, shape, f, store) || sum_channels<BFloat16>(in, shape, f, store)) return;
  if (reduce_packed<float, A>("reduce", in, shape, f, store) || reduce_packed<BFloat16, A>("reduce", in, shape, f, store)) return;
  run_reduce<void, 1, 1, double>("reduce", in, shape, Fold<op, double>{}, store);
}

// --- Variance -----------------------------------------------------------------------------------------------------------------------

struct SquaredDistance {
  using Acc = double;
  const double* centers;
  __device__ double identity() const { return 0; }
  __device__ double lift(double x, int64_t, int64_t m) const { return (x - centers[m]) * (x - centers[m]); }
  __device__ double combine(double a, double b) const { return a + b; }
};

struct StoreCenter {
  double* centers;
  double count;
  __device__ void operator()(double sum, int64_t m) const { centers[m] = sum / count; }
};

struct StoreVariance {
  void *variance, *mean;
  ScalarType variance_dtype, mean_dtype;
  OffsetCalculator<2> offsets;
  const double* centers;
  double divisor;
  __device__ void operator()(double squares, int64_t m) const {
    const auto at = offsets(m);
    store_as(variance, variance_dtype, at[0], squares / divisor);
    if (mean != nullptr) store_as(mean, mean_dtype, at[1], centers[m]);
  }
};

template <class Op, class Store> void sum_floating(const View& in, const ReduceShape& shape, const Op& op, const Store& store) {
  if (reduce_packed<float, double>("variance", in, shape, op, store)) return;
  if (reduce_packed<BFloat16, double>("variance", in, shape, op, store)) return;
  run_reduce<void, 1, 1, double>("variance", in, shape, op, store);
}

// --- Index of the extreme -----------------------------------------------------------------------------------------------------------

template <class A> struct Candidate {
  A value;
  int64_t index;  // -1: none
};

// The first NaN, else the largest (or smallest) value, of equal ones the first.
template <class A> struct BestCandidate {
  using Acc = Candidate<A>;
  Extreme which;
  __device__ Acc identity() const { return {A(0), -1}; }
  __device__ Acc lift(A x, int64_t r, int64_t) const { return {x, r}; }
  __device__ Acc combine(Acc a, Acc b) const {
    if (a.index < 0) return b;
    if (b.index < 0) return a;
    const bool nan_a = a.value != a.value, nan_b = b.value != b.value;
    if (nan_a != nan_b) return nan_a ? a : b;
    if (nan_a || a.value == b.value) return a.index < b.index ? a : b;
    return (which == Extreme::Max ? a.value > b.value : a.value < b.value) ? a : b;
  }
};

template <class A> struct StoreCandidate {
  int64_t* indices;
  void* values;
  ScalarType dtype;
  OffsetCalculator<2> offsets;
  __device__ void operator()(const Candidate<A>& best, int64_t m) const {
    const auto at = offsets(m);
    indices[at[0]] = best.index;
    if (values != nullptr) store_as(values, dtype, at[1], best.value);
  }
};

// For few candidates, such as the classes of a pixel: a thread goes through those of one output, comparing in T.
template <class S>
__global__ void __launch_bounds__(kThreads)
    arg_reduce_few_kernel(const S* in, int64_t outputs, int count, int64_t stride, OffsetCalculator<1> kept_in, Extreme which,
                          StoreCandidate<compute_t<S>> store) {
  wait_for_kernel_before();
  using T = compute_t<S>;
  const BestCandidate<T> op{which};
  for (int64_t m = thread_position(); m < outputs; m += thread_count()) {
    const S* from = in + kept_in(m)[0];
    Candidate<T> best{convert_to<T>(from[0]), 0};
#pragma unroll 4
    for (int r = 1; r < count; ++r) best = op.combine(best, {convert_to<T>(from[r * stride]), r});
    store(best, m);
  }
}

}  // namespace

void reduce(const View& out, const View& in, ReduceOp op) {
  const ReduceShape shape = reduce_shape(in, out, View{}, [&](int d) { return out.sizes[d] == 1; });
  const StoreResult store{out.data, out.dtype, shape.kept_out, op, shape.count};
  switch (op) {
    case ReduceOp::Sum:
    case ReduceOp::Mean: return fold<ReduceOp::Sum>(in, shape, store);
    case ReduceOp::Prod: return fold<ReduceOp::Prod>(in, shape, store);
    case ReduceOp::Max: return fold<ReduceOp::Max>(in, shape, store);
    case ReduceOp::Min: return fold<ReduceOp::Min>(in, shape, store);
    case ReduceOp::All: return fold<ReduceOp::All>(in, shape, store);
    case ReduceOp::Any: return fold<ReduceOp::Any>(in, shape, store);
    case ReduceOp::L1: return fold<ReduceOp::L1>(in, shape, store);
    case ReduceOp::L2: return fold<ReduceOp::L2>(in, shape, store);
  }
}

void variance(const View& variance, const View& mean, const View& in, double correction) {
  const ReduceShape shape =
      reduce_shape(in, variance, mean.data == nullptr ? View{} : mean, [&](int d) { return variance.sizes[d] == 1; });
  const double count = static_cast<double>(shape.count);
  const DeviceScratch<double> centers(shape.outputs);
  sum_floating(in, shape, Fold<ReduceOp::Sum, double>{}, StoreCenter{centers.data(), count});
  sum_floating(in, shape, SquaredDistance{centers.data()},
               StoreVariance{variance.data, mean.data, variance.dtype, mean.dtype, shape.kept_out, centers.data(),
                             std::max(0.0, count - correction)});
}

void arg_reduce(const View& values, const View& indices, const View& in, int dim, Extreme which) {
  const ReduceShape shape =
      reduce_shape(in, indices, values.data == nullptr ? View{} : values, [&](int d) { return d == dim; });
  if (in.sizes[dim] <= 64 && shape.outputs >= 4096)
    return dispatch_all(in.dtype, [&]<class S>() {
      const StoreCandidate<compute_t<S>> store{indices.as<int64_t>(), values.data, values.dtype, shape.kept_out};
      launch("arg_reduce_few", arg_reduce_few_kernel<S>, grid_for(shape.outputs), kThreads, 0, in.as<S>(), shape.outputs,
             static_cast<int>(in.sizes[dim]), in.strides[dim], shape.kept_in, which, store);
    });
  const auto run = [&]<class A>() {
    run_reduce<void, 1, 1, A>("arg_reduce", in, shape, BestCandidate<A>{which},
                              StoreCandidate<A>{indices.as<int64_t>(), values.data, values.dtype, shape.kept_out});
  };
  if (is_floating_point(in.dtype)) run.operator()<double>();
  else run.operator()<int64_t>();
}

}  // namespace tessera::kernels::cuda
