// Reductions as plain loops: for each output position, a loop over the input positions that fall on it.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/index/positions.h"
#include "kernels/reduce/reduce.h"

namespace tessera::kernels::reference {
namespace {

// What a sum over T runs in: double for every floating type, int64 for integers and bool.
template <class T> using sum_t = std::conditional_t<is_floating_v<T>, double, int64_t>;

// The part of `in` that one output element reduces: the kept dimensions are fixed at `position`, of size 1.
View slab(View in, const View& out, const Position& position, size_t bytes) {
  for (int d = 0; d < in.ndim; ++d) {
    if (out.sizes[d] == 1) continue;
    in.data = static_cast<char*>(in.data) + position[d] * in.strides[d] * static_cast<int64_t>(bytes);
    in.sizes[d] = 1;
  }
  return in;
}

template <class T, class A> A fold(const View& in, A accumulator, auto&& step) {
  for_each_position(in,
                    [&](const Position& p) { accumulator = step(accumulator, static_cast<A>(in.as<T>()[offset_of(in, p)])); });
  return accumulator;
}

template <class A> A max_of(A a, A b) {
  return b > a || b != b ? b : a;
}
template <class A> A min_of(A a, A b) {
  return b < a || b != b ? b : a;
}

template <class T> auto first_of(const View& in) {
  return static_cast<sum_t<T>>(in.as<T>()[0]);
}

}  // namespace

void reduce(const View& out, const View& in, ReduceOp op) {
  dispatch_all(in.dtype, [&]<class T>() {
    using A = sum_t<T>;
    for_each_position(out, [&](const Position& position) {
      const View x = slab(in, out, position, sizeof(T));
      const int64_t at = offset_of(out, position);
      const auto plus = [](A a, A v) { return a + v; };
      switch (op) {
        case ReduceOp::Sum: return store_as(out, at, fold<T, A>(x, 0, plus));
        case ReduceOp::Mean:
          return store_as(out, at, static_cast<double>(fold<T, A>(x, 0, plus)) / static_cast<double>(x.numel()));
        case ReduceOp::Prod: return store_as(out, at, fold<T, A>(x, 1, [](A a, A v) { return a * v; }));
        case ReduceOp::Max: return store_as(out, at, fold<T, A>(x, first_of<T>(x), max_of<A>));
        case ReduceOp::Min: return store_as(out, at, fold<T, A>(x, first_of<T>(x), min_of<A>));
        case ReduceOp::All: return store_as(out, at, fold<T, A>(x, 1, [](A a, A v) -> A { return a != 0 && v != 0; }));
        case ReduceOp::Any: return store_as(out, at, fold<T, A>(x, 0, [](A a, A v) -> A { return a != 0 || v != 0; }));
        case ReduceOp::L1: return store_as(out, at, fold<T, A>(x, 0, [](A a, A v) { return a + (v < 0 ? -v : v); }));
        case ReduceOp::L2:
          return store_as(out, at, std::sqrt(static_cast<double>(fold<T, A>(x, 0, [](A a, A v) { return a + v * v; }))));
      }
    });
  });
}

void variance(const View& variance, const View& mean, const View& in, double correction) {
  dispatch_floating(in.dtype, [&]<class T>() {
    for_each_position(variance, [&](const Position& position) {
      const View x = slab(in, variance, position, sizeof(T));
      const double count = static_cast<double>(x.numel());
      const double center = fold<T, double>(x, 0, [](double a, double v) { return a + v; }) / count;
      const double squares = fold<T, double>(x, 0, [&](double a, double v) { return a + (v - center) * (v - center); });
      store_as(variance, offset_of(variance, position), squares / std::max(0.0, count - correction));
      if (mean.data != nullptr) store_as(mean, offset_of(mean, position), center);
    });
  });
}

void arg_reduce(const View& values, const View& indices, const View& in, int dim, Extreme which) {
  dispatch_all(in.dtype, [&]<class T>() {
    for_each_position(indices, [&](const Position& position) {
      const T* line = in.as<T>() + offset_of(in, position);
      int64_t best = 0;
      for (int64_t i = 1; i < in.sizes[dim]; ++i) {
        const compute_t<T> a = line[best * in.strides[dim]], b = line[i * in.strides[dim]];
        if (a != a) break;  // the first NaN stays
        if (b != b || (which == Extreme::Max ? b > a : b < a)) best = i;
      }
      indices.as<int64_t>()[offset_of(indices, position)] = best;
      if (values.data != nullptr) values.as<T>()[offset_of(values, position)] = line[best * in.strides[dim]];
    });
  });
}

void cumsum(const View& out, const View& in, int dim, bool reverse) {
  dispatch_all(in.dtype, [&]<class T>() {
    for_each_position(without_dim(in, dim), [&](const Position& position) {
      const T* line = in.as<T>() + offset_of(in, position);
      sum_t<T> sum = 0;
      for (int64_t k = 0; k < in.sizes[dim]; ++k) {
        const int64_t i = reverse ? in.sizes[dim] - 1 - k : k;
        sum += static_cast<sum_t<T>>(line[i * in.strides[dim]]);
        store_as(out, offset_of(out, position) + i * out.strides[dim], sum);
      }
    });
  });
}

}  // namespace tessera::kernels::reference
