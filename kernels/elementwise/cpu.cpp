// Fast elementwise kernels: out[i] = f(in[i]) and its kind, for any dtypes and strides.
//
// The plan (plan.h) turns the operands into rows; the flat positions are shared out over the threads, and each thread works in
// chunks of up to 1024 elements that stay in the first-level cache. An operand that lies contiguous in the compute type is used
// where it is; any other (strided, broadcast, another dtype) is first converted into a buffer on the stack, and a result is
// converted from one. So the function itself is always one contiguous loop over T = float, double or int64_t: a SIMD lane does
// one element. Memory traffic: each operand once.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementwise/cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cstring>

#include "kernels/elementwise/cpu_math-inl.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/elementwise/functors.h"
#include "kernels/elementwise/move.h"
#include "kernels/elementwise/plan.h"
#include "kernels/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

constexpr int64_t kChunk = 1024;
// Rows shorter than this are gathered, several to a chunk, so that the cost of a chunk is spread over enough elements.
constexpr int64_t kShortRow = 128;

template <class T, class S> void convert_run(const S* from, int64_t from_stride, T* to, int64_t to_stride, int64_t n) {
  if (from_stride == 1 && to_stride == 1) {
    for (int64_t i = 0; i < n; ++i) to[i] = convert<T>(from[i]);
  } else if (from_stride == 0 && to_stride == 1) {
    const T value = convert<T>(*from);
    for (int64_t i = 0; i < n; ++i) to[i] = value;
  } else {
    for (int64_t i = 0; i < n; ++i) to[i * to_stride] = convert<T>(from[i * from_stride]);
  }
}

// One thread's way through the plan: loads and stores chunks of consecutive flat positions.
template <size_t N> class Chunks {
 public:
  Chunks(const ElementwisePlan<N>& plan, int64_t begin, int64_t end) : plan_(plan), begin_(begin), end_(end) {
    for (size_t k = 0; k < N; ++k) {
      flat_[k] = plan.is_flat(k);
      constant_[k] = plan.is_constant(k);
    }
  }

  // Calls body(position, n) for the chunks in turn.
  template <class Body> HWY_INLINE void for_each(Body&& body) const {
    const int64_t row = plan_.sizes[0];
    for (int64_t p = begin_, n; p < end_; p += n) {
      n = std::min(kChunk, end_ - p);
      if (row >= kShortRow) n = std::min(n, row - p % row);
      body(p, n);
    }
  }

  // Operand k at positions [p, p + n) as contiguous T: where it is, or converted into `buffer` (kChunk elements).
  template <class T> const T* load(size_t k, int64_t p, int64_t n, T* buffer) const {
    if (plan_.dtypes[k] == scalar_type_v<T>)
      if (void* place = in_place(k, p, n, sizeof(T))) return static_cast<const T*>(place);
    if (constant_[k] && p != begin_) return buffer;  // as the first chunk, the longest but for the row ends, left it
    dispatch_all(plan_.dtypes[k], [&]<class S>() HWY_ATTR {
      const S* data = static_cast<const S*>(plan_.data[k]);
      if (constant_[k]) return convert_run(data, 0, buffer, 1, kChunk);
      for_each_run(k, p, n, [&](int64_t offset, int64_t done, int64_t count) HWY_ATTR {
        convert_run(data + offset, plan_.strides[k][0], buffer + done, 1, count);
      });
    });
    return buffer;
  }

  // Where the result for positions [p, p + n) is to be written: the output itself, or `buffer`, which store() then converts.
  template <class T> T* target(int64_t p, int64_t n, T* buffer) const {
    if (plan_.dtypes[0] != scalar_type_v<T>) return buffer;
    void* place = in_place(0, p, n, sizeof(T));
    return place ? static_cast<T*>(place) : buffer;
  }

  template <class T> void store(int64_t p, int64_t n, const T* values) const {
    dispatch_all(plan_.dtypes[0], [&]<class S>() HWY_ATTR {
      for_each_run(0, p, n, [&](int64_t offset, int64_t done, int64_t count) HWY_ATTR {
        convert_run(values + done, 1, static_cast<S*>(plan_.data[0]) + offset, plan_.strides[0][0], count);
      });
    });
  }

 private:
  void* in_place(size_t k, int64_t p, int64_t n, size_t element) const {
    const int64_t row = plan_.sizes[0], column = p % row;
    int64_t offset = p;
    if (!flat_[k]) {
      if (plan_.strides[k][0] != 1 || column + n > row) return nullptr;
      offset = plan_.row_offset(k, p / row) + column;
    }
    return static_cast<char*>(plan_.data[k]) + offset * static_cast<int64_t>(element);
  }

  // Cuts [p, p + n) where rows of operand k end: body(offset of the first element, elements done before, elements).
  template <class Body> HWY_INLINE void for_each_run(size_t k, int64_t p, int64_t n, Body&& body) const {
    if (flat_[k]) return body(p, int64_t{0}, n);
    const int64_t size = plan_.sizes[0];
    int64_t row = p / size, column = p % size;
    for (int64_t done = 0, count; done < n; done += count, ++row, column = 0) {
      count = std::min(n - done, size - column);
      body(plan_.row_offset(k, row) + column * plan_.strides[k][0], done, count);
    }
  }

  const ElementwisePlan<N>& plan_;
  int64_t begin_, end_;
  std::array<bool, N> flat_{}, constant_{};
};

template <class T> struct Buffer {
  alignas(64) T data[kChunk];
};

// to may be equal to from (in-place ops), never overlap it otherwise; hence ivdep.
template <UnaryOp op, class T> void unary_run(const T* from, T* to, int64_t n, const Params<T>& p) {
  if constexpr (has_vector_form<op> && std::is_floating_point_v<T>) {
    const hn::ScalableTag<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes) hn::StoreU(vector_form<op>(d, hn::LoadU(d, from + i), p), d, to + i);
    if (i == n) return;
    HWY_ALIGN T tail[HWY_MAX_BYTES / sizeof(T)] = {};
    std::memcpy(tail, from + i, static_cast<size_t>(n - i) * sizeof(T));
    hn::Store(vector_form<op>(d, hn::Load(d, tail), p), d, tail);
    std::memcpy(to + i, tail, static_cast<size_t>(n - i) * sizeof(T));
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) to[i] = apply<op>(from[i], p);
  }
}

template <BinaryOp op, class T> void binary_run(const T* a, const T* b, T* to, int64_t n, T alpha) {
  if constexpr (has_binary_vector_form<op> && std::is_floating_point_v<T>) {
    const hn::ScalableTag<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes) hn::StoreU(vector_form<op>(d, hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, to + i);
    for (; i < n; ++i) to[i] = hn::GetLane(vector_form<op>(d, hn::Set(d, a[i]), hn::Set(d, b[i])));
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) to[i] = apply<op>(a[i], b[i], alpha);
  }
}

template <class F> void dispatch_arithmetic(ScalarType type, F&& body) {
  if (type == kInt64) return body.template operator()<int64_t>();
  dispatch_compute(type, body);
}

}  // namespace

void unary_range(const ElementwisePlan<2>& plan, ScalarType compute, UnaryOp op, const UnaryParams& params, int64_t begin,
                 int64_t end) {
  const Chunks<2> chunks(plan, begin, end);
  dispatch_arithmetic(compute, [&]<class T>() HWY_ATTR {
    Buffer<T> in, out;
    const Params<T> p(params);
    void (*run)(const T*, T*, int64_t, const Params<T>&) = nullptr;
    dispatch_op(op, [&]<UnaryOp o>() HWY_ATTR { run = &unary_run<o, T>; });
    chunks.for_each([&](int64_t position, int64_t n) HWY_ATTR {
      T* target = chunks.target(position, n, out.data);
      run(chunks.load(1, position, n, in.data), target, n, p);
      if (target == out.data) chunks.store(position, n, target);
    });
  });
}

void binary_range(const ElementwisePlan<3>& plan, ScalarType compute, BinaryOp op, double alpha, int64_t begin, int64_t end) {
  const Chunks<3> chunks(plan, begin, end);
  dispatch_arithmetic(compute, [&]<class T>() HWY_ATTR {
    Buffer<T> a, b, out;
    void (*run)(const T*, const T*, T*, int64_t, T) = nullptr;
    dispatch_op(op, [&]<BinaryOp o>() HWY_ATTR { run = &binary_run<o, T>; });
    chunks.for_each([&](int64_t position, int64_t n) HWY_ATTR {
      T* target = chunks.target(position, n, out.data);
      run(chunks.load(1, position, n, a.data), chunks.load(2, position, n, b.data), target, n, static_cast<T>(alpha));
      if (target == out.data) chunks.store(position, n, target);
    });
  });
}

void where_range(const ElementwisePlan<4>& plan, ScalarType compute, int64_t begin, int64_t end) {
  const Chunks<4> chunks(plan, begin, end);
  dispatch_arithmetic(compute, [&]<class T>() HWY_ATTR {
    Buffer<bool> condition;
    Buffer<T> a, b, out;
    chunks.for_each([&](int64_t position, int64_t n) HWY_ATTR {
      T* target = chunks.target(position, n, out.data);
      const bool* c = chunks.load(1, position, n, condition.data);
      const T *x = chunks.load(2, position, n, a.data), *y = chunks.load(3, position, n, b.data);
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) target[i] = c[i] ? x[i] : y[i];
      if (target == out.data) chunks.store(position, n, target);
    });
  });
}

void convert_range(const ElementwisePlan<2>& plan, ScalarType compute, int64_t begin, int64_t end) {
  const Chunks<2> chunks(plan, begin, end);
  dispatch_arithmetic(compute, [&]<class T>() HWY_ATTR {
    Buffer<T> buffer;
    chunks.for_each([&](int64_t position, int64_t n) HWY_ATTR {
      T* target = chunks.target(position, n, buffer.data);
      const T* values = chunks.load(1, position, n, plan.is_constant(1) ? buffer.data : target);
      if (values != target || target == buffer.data) chunks.store(position, n, values);
    });
  });
}

}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels::cpu {

HWY_EXPORT(unary_range);
HWY_EXPORT(binary_range);
HWY_EXPORT(where_range);
HWY_EXPORT(convert_range);

// Below this many elements a second thread costs more than it gives.
constexpr int64_t kGrain = 32768;

// The powers that have a function of their own, which is vectorised.
UnaryOp simplest(UnaryOp op, double exponent, ScalarType compute) {
  if (op != UnaryOp::PowScalar || compute == kInt64) return op;
  return exponent == 2 ? UnaryOp::Square : exponent == 0.5 ? UnaryOp::Sqrt : exponent == -1 ? UnaryOp::Reciprocal : op;
}

void unary(const View& out, const View& in, UnaryOp wanted, const UnaryParams& params) {
  const auto plan = make_plan<2>({&out, &in});
  const ScalarType compute = compute_type(out, in);
  const UnaryOp op = simplest(wanted, params.a, compute);
  parallel_for(plan.numel, kGrain, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(unary_range)(plan, compute, op, params, begin, end);
  });
}

void binary(const View& out, const View& a, const View& b, BinaryOp op, double alpha) {
  const auto plan = make_plan<3>({&out, &a, &b});
  const ScalarType compute = compute_type(out, a, b);
  parallel_for(plan.numel, kGrain, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(binary_range)(plan, compute, op, alpha, begin, end);
  });
}

void where_select(const View& out, const View& condition, const View& a, const View& b) {
  const auto plan = make_plan<4>({&out, &condition, &a, &b});
  const ScalarType compute = compute_type(out, a, b);
  parallel_for(plan.numel, kGrain, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(where_range)(plan, compute, begin, end);
  });
}

void copy(const View& out, const View& in) {
  const auto plan = make_plan<2>({&out, &in});
  if (out.dtype == in.dtype) return move_elements(plan);
  const ScalarType compute = compute_type(out, in);
  parallel_for(plan.numel, kGrain, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(convert_range)(plan, compute, begin, end);
  });
}

// A broadcast copy of one number.
void fill(const View& out, FillValue value) {
  View one = out;
  one.strides.fill(0);
  one.dtype = value.is_integral ? kInt64 : kFloat64;
  one.data = value.is_integral ? static_cast<void*>(&value.integer) : static_cast<void*>(&value.real);
  copy(out, one);
}

}  // namespace tessera::kernels::cpu
#endif
