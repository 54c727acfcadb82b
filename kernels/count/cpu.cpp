#include "kernels/count/count.h"

namespace tessera::kernels::cpu {

void bincount(const View& out, const View& in, const View& weights) {
  reference::bincount(out, in, weights);
}
void confusion_matrix(const View& out, const View& target, const View& prediction) {
  reference::confusion_matrix(out, target, prediction);
}
void one_hot(const View& out, const View& in) {
  reference::one_hot(out, in);
}

}  // namespace tessera::kernels::cpu
