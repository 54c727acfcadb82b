// What a CUDA build without cuDNN's headers has in the place of cudnn_library.cpp.
#include "kernels/cuda/cudnn.h"

namespace tessera::kernels::cudnn {

bool is_available() { return false; }

}  // namespace tessera::kernels::cudnn
