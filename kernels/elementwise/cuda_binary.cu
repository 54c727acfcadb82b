// out[i] = f(a[i], b[i]) on CUDA, over the loops of cuda_loop.h with the functions of functors.h.
#include "kernels/elementwise/cuda_loop.h"

namespace tessera::kernels::cuda {
namespace {

template <BinaryOp op, class T> struct BinaryFunction {
  T alpha;
  __device__ T operator()(T a, T b) const { return apply<op>(a, b, alpha); }
};

// The op is known at run time only: all plain loops of a type are one kernel.
template <class T> struct AnyBinaryFunction {
  BinaryOp op;
  T alpha;
  __device__ T operator()(T a, T b) const {
    T y = a;
    dispatch_op(op, [&]<BinaryOp o>() { y = apply<o>(a, b, alpha); });
    return y;
  }
};

}  // namespace

void binary(const View& out, const View& a, const View& b, BinaryOp op, double alpha) {
  const auto plan = make_plan<3>({&out, &a, &b});
  if (plan.numel == 0) return;
  bool done = false;
  if (packs_fit(plan, kPackSize<float>) || packs_fit(plan, kPackSize<BFloat16>))
    dispatch_op(op, [&]<BinaryOp o>() {
      const BinaryFunction<o, float> f{static_cast<float>(alpha)};
      done = run_packed<float>("binary", plan, f) || run_packed<BFloat16>("binary", plan, f);
    });
  if (done) return;
  dispatch_arithmetic(compute_type(out, a, b), [&]<class T>() {
    run_plain<T>("binary_plain", plan, AnyBinaryFunction<T>{op, static_cast<T>(alpha)});
  });
}

}  // namespace tessera::kernels::cuda
