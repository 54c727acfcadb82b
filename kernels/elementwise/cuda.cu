// out[i] = f(in[i]) and out = condition ? a : b on CUDA, over the loops of cuda_loop.h with the functions of functors.h.
#include "kernels/elementwise/cuda_loop.h"

namespace tessera::kernels::cuda {
namespace {

template <UnaryOp op, class T> struct UnaryFunction {
  Params<T> params;
  __device__ T operator()(T x) const { return apply<op>(x, params); }
};

// The op is known at run time only: all plain loops of a type are one kernel.
template <class T> struct AnyUnaryFunction {
  UnaryOp op;
  Params<T> params;
  __device__ T operator()(T x) const {
    T y = x;
    dispatch_op(op, [&]<UnaryOp o>() { y = apply<o>(x, params); });
    return y;
  }
};

template <class T> struct WhereFunction {
  __device__ T operator()(T condition, T a, T b) const { return condition != T(0) ? a : b; }
};

}  // namespace

void unary(const View& out, const View& in, UnaryOp op, const UnaryParams& params) {
  const auto plan = make_plan<2>({&out, &in});
  if (plan.numel == 0) return;
  bool done = false;
  if (packs_fit(plan, kPackSize<float>) || packs_fit(plan, kPackSize<BFloat16>))
    dispatch_op(op, [&]<UnaryOp o>() {
      const UnaryFunction<o, float> f{Params<float>(params)};
      done = run_packed<float>("unary", plan, f) || run_packed<BFloat16>("unary", plan, f);
    });
  if (done) return;
  dispatch_arithmetic(compute_type(out, in),
                      [&]<class T>() { run_plain<T>("unary_plain", plan, AnyUnaryFunction<T>{op, Params<T>(params)}); });
}

void where_select(const View& out, const View& condition, const View& a, const View& b) {
  const auto plan = make_plan<4>({&out, &condition, &a, &b});
  dispatch_arithmetic(compute_type(out, a, b), [&]<class T>() {
    if (plan.numel > 0) run_plain<T>("where", plan, WhereFunction<T>{});
  });
}

}  // namespace tessera::kernels::cuda
