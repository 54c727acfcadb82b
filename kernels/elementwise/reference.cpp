// The elementwise kernels as plain loops over the logical index.
//
// One loop an element: its offset in each operand follows from the index and the strides.
#include "kernels/elementwise/elementwise.h"
#include "kernels/elementwise/functors.h"

namespace tessera::kernels::reference {
namespace {

// Offset of the i-th element in row-major logical order.
int64_t offset_of(const View& view, int64_t i) {
  int64_t offset = 0;
  for (int d = view.ndim - 1; d >= 0; --d) {
    offset += i % view.sizes[d] * view.strides[d];
    i /= view.sizes[d];
  }
  return offset;
}

template <class T> T load(const View& view, int64_t i) {
  return dispatch_all(view.dtype, [&]<class S>() { return convert<T>(view.as<S>()[offset_of(view, i)]); });
}

template <class T> void store(const View& view, int64_t i, T value) {
  dispatch_all(view.dtype, [&]<class S>() { view.as<S>()[offset_of(view, i)] = convert<S>(value); });
}

// Runs body with T = float, double or int64_t.
template <class F> void dispatch_arithmetic(ScalarType type, F&& body) {
  if (type == kInt64) return body.template operator()<int64_t>();
  dispatch_compute(type, body);
}

}  // namespace

void unary(const View& out, const View& in, UnaryOp op, const UnaryParams& params) {
  dispatch_arithmetic(compute_type(out, in), [&]<class T>() {
    dispatch_op(op, [&]<UnaryOp o>() {
      const Params<T> p(params);
      for (int64_t i = 0; i < out.numel(); ++i) store(out, i, apply<o>(load<T>(in, i), p));
    });
  });
}

void binary(const View& out, const View& a, const View& b, BinaryOp op, double alpha) {
  dispatch_arithmetic(compute_type(out, a, b), [&]<class T>() {
    dispatch_op(op, [&]<BinaryOp o>() {
      for (int64_t i = 0; i < out.numel(); ++i) store(out, i, apply<o>(load<T>(a, i), load<T>(b, i), static_cast<T>(alpha)));
    });
  });
}

void where_select(const View& out, const View& condition, const View& a, const View& b) {
  dispatch_arithmetic(compute_type(out, a, b), [&]<class T>() {
    for (int64_t i = 0; i < out.numel(); ++i) store(out, i, load<bool>(condition, i) ? load<T>(a, i) : load<T>(b, i));
  });
}

void copy(const View& out, const View& in) {
  dispatch_arithmetic(compute_type(out, in), [&]<class T>() {
    for (int64_t i = 0; i < out.numel(); ++i) store(out, i, load<T>(in, i));
  });
}

void fill(const View& out, FillValue value) {
  for (int64_t i = 0; i < out.numel(); ++i) {
    if (value.is_integral) store(out, i, value.integer);
    else store(out, i, value.real);
  }
}

}  // namespace tessera::kernels::reference
