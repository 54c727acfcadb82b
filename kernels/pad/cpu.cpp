#include "kernels/pad/pad.h"

namespace tessera::kernels::cpu {

void pad_forward(const View& out, const View& in, std::span<const int64_t> before, PadMode mode, double value) {
  reference::pad_forward(out, in, before, mode, value);
}
void pad_backward(const View& grad_in, const View& grad_out, std::span<const int64_t> before, PadMode mode) {
  reference::pad_backward(grad_in, grad_out, before, mode);
}

}  // namespace tessera::kernels::cpu
