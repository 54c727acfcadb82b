#include "kernels/cuda/initcheck.h"

#include <cuda_runtime_api.h>
#include <nvtx3/nvToolsExtMem.h>
#include <nvtx3/nvToolsExtMemCudaRt.h>

#include "kernels/cuda/runtime.h"

namespace tessera::kernels::cuda {

void mark_initialized(const View& written) {
  int64_t last = 0;
  for (int d = 0; d < written.ndim; ++d) last += (written.sizes[d] - 1) * written.strides[d];
  const nvtxMemVirtualRangeDesc_t range{static_cast<size_t>(last + 1) * element_size(written.dtype), written.data};
  nvtxMemMarkInitializedBatch_t batch{};
  batch.extCompatID = NVTX_EXT_COMPATID_MEM;
  batch.structSize = sizeof(batch);
  batch.regionType = NVTX_MEM_TYPE_VIRTUAL_ADDRESS;
  batch.regionDescCount = 1;
  batch.regionDescElementSize = sizeof(range);
  batch.regionDescElements = &range;
  nvtxMemCudaMarkInitialized(/*domain=*/nullptr, current_stream(), /*isPerThreadStream=*/0, &batch);
}

}  // namespace tessera::kernels::cuda
