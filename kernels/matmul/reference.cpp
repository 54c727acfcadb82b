// The matrix product as three loops and a batch, each element one sum in float64, on one thread.
#include "kernels/matmul/matmul.h"

namespace tessera::kernels::reference {

void matmul(const View& out, const View& a, const View& b, const MatmulParams&) {
  dispatch_floating(out.dtype, [&]<class T>() {
    for (int64_t batch = 0; batch < out.sizes[0]; ++batch)
      for (int64_t m = 0; m < out.sizes[1]; ++m)
        for (int64_t n = 0; n < out.sizes[2]; ++n) {
          double sum = 0;
          for (int64_t k = 0; k < a.sizes[2]; ++k)
            sum += double(a.as<T>()[batch * a.strides[0] + m * a.strides[1] + k * a.strides[2]]) *
                   double(b.as<T>()[batch * b.strides[0] + k * b.strides[1] + n * b.strides[2]]);
          out.as<T>()[batch * out.strides[0] + m * out.strides[1] + n * out.strides[2]] = static_cast<T>(sum);
        }
  });
}

}  // namespace tessera::kernels::reference
