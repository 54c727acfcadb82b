// What a build without cuDNN's headers, or without CUDA, has in the place of cudnn_library.cpp.
#include "kernels/cuda/cudnn.h"

namespace tessera::kernels::cudnn {

bool is_available() { return false; }

}  // namespace tessera::kernels::cudnn
