// Whether cuDNN's kernels (kernels/*/cudnn.cpp) can be asked for: in this build, on this machine.
#pragma once

namespace tessera::kernels::cudnn {

// Whether there is a GPU and libcudnn.so.9. Never throws.
bool is_available();

}  // namespace tessera::kernels::cudnn
