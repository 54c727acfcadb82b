// Softmax, log-softmax and their gradients on CUDA, as formulas over the classes of a pixel. How the classes are read and written,
// and the memory traffic: cuda_lines.h.
#include "kernels/softmax/cuda_line_kernels.h"
#include "kernels/softmax/softmax.h"

namespace tessera::kernels::cuda {
namespace {

struct Formula {
  using State = Nothing;
  using Extra = Nothing;
  __device__ static Nothing begin() { return {}; }
  __device__ static Nothing load(int64_t) { return {}; }
  __device__ void finish(const Nothing&) const {}
};

template <class C, bool kLog> struct ForwardFormula : Formula, LineOp</*writes=*/true, /*pad_lowest=*/true, 3> {
  template <class Line> __device__ void operator()(Line& line, const Nothing&, int64_t, Nothing&) const {
    C most = -std::numeric_limits<C>::infinity(), sum = 0;
    line.each([&](C x) { most = max(most, x); });
    most = line.reduce(most, Maximum());
    if constexpr (kLog) {
      auto&& differences = line.mapped([most](C x) { return x - most; });
      differences.each([&](C d) { sum += exp_of_difference(d); });
      const C log_sum = log(line.reduce(sum, Plus()));
      differences.write([&](C d) { return d - log_sum; });
    } else {
      auto&& exponentials = line.mapped([most](C x) { return exp_of_difference(x - most); });
      exponentials.each([&](C e) { sum += e; });
      const C share = 1 / line.reduce(sum, Plus());
      exponentials.write([&](C e) { return e * share; });
    }
  }
};

template <class C, bool kLog> struct BackwardFormula : Formula, LineOp</*writes=*/true, /*pad_lowest=*/false, 2> {
  template <class Line> __device__ void operator()(Line& line, const Nothing&, int64_t, Nothing&) const {
    C sum = 0;
    line.each([&](C g, C y) { sum += kLog ? g : g * y; });
    sum = line.reduce(sum, Plus());
    line.write([&](C g, C y) { return kLog ? g - exp_of_difference(y) * sum : y * (g - sum); });
  }
};

template <template <class, bool> class F, bool kLog, size_t K>
void run(const char* name, const std::array<const View*, K>& views, int dim) {
  if (views[0]->numel() == 0) return;
  dispatch_floating(views[0]->dtype,
                    [&]<class S>() { run_lines<S, K>(name, views, dim, /*row_major=*/false, F<compute_t<S>, kLog>{}); });
}

}  // namespace

void softmax_forward(const View& out, const View& in, int dim) { run<ForwardFormula, false, 2>("softmax", {&out, &in}, dim); }
void log_softmax_forward(const View& out, const View& in, int dim) {
  run<ForwardFormula, true, 2>("log_softmax", {&out, &in}, dim);
}

void softmax_backward(const View& grad_in, const View& grad_out, const View& out, int dim) {
  run<BackwardFormula, false, 3>("softmax_backward", {&grad_in, &grad_out, &out}, dim);
}
void log_softmax_backward(const View& grad_in, const View& grad_out, const View& out, int dim) {
  run<BackwardFormula, true, 3>("log_softmax_backward", {&grad_in, &grad_out, &out}, dim);
}

}  // namespace tessera::kernels::cuda
