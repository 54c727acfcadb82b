#include "kernels/reduce/reduce.h"

namespace tessera::kernels::cpu {

void reduce(const View& out, const View& in, ReduceOp op) {
  reference::reduce(out, in, op);
}
void variance(const View& variance, const View& mean, const View& in, double correction) {
  reference::variance(variance, mean, in, correction);
}
void arg_reduce(const View& values, const View& indices, const View& in, int dim, Extreme which) {
  reference::arg_reduce(values, indices, in, dim, which);
}
void cumsum(const View& out, const View& in, int dim, bool reverse) {
  reference::cumsum(out, in, dim, reverse);
}

}  // namespace tessera::kernels::cpu
