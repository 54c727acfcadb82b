#include "kernels/index/index.h"

namespace tessera::kernels::cpu {

void gather(const View& out, const View& in, const View& index, int dim) {
  reference::gather(out, in, index, dim);
}
void scatter_add_acc(const View& out, const View& index, const View& src, int dim) {
  reference::scatter_add_acc(out, index, src, dim);
}
void index_select(const View& out, const View& in, const View& index, int dim) {
  reference::index_select(out, in, index, dim);
}
void index_add_acc(const View& out, const View& index, const View& src, int dim) {
  reference::index_add_acc(out, index, src, dim);
}
void flip(const View& out, const View& in, std::span<const int> dims) {
  reference::flip(out, in, dims);
}
Bounds index_bounds(const View& index) {
  return reference::index_bounds(index);
}

}  // namespace tessera::kernels::cpu
