#include "kernels/cuda/cudnn_library.h"

#include <dlfcn.h>

#include <map>
#include <string>

#include "kernels/cuda/runtime.h"
#include "kernels/error.h"

namespace tessera::kernels::cudnn {
namespace {

void* open_library() {
  static void* const opened = dlopen("libcudnn.so.9", RTLD_NOW | RTLD_LOCAL);
  return opened;
}

template <class Function> void find(Function& function, const char* name) {
  function = reinterpret_cast<Function>(dlsym(open_library(), name));
  if (function == nullptr) throw DeviceError(std::string("cudnn: libcudnn.so.9 has no ") + name + ". Install cuDNN 9 anew.");
}

Library load() {
  if (open_library() == nullptr)
    throw DeviceError("cudnn: libcudnn.so.9 was not found. Install cuDNN 9, name its folder in LD_LIBRARY_PATH, or use Tessera's own "
                      "kernels (set_kernels).");
  Library l;
  find(l.create, "cudnnCreate");
  find(l.set_stream, "cudnnSetStream");
  find(l.error_string, "cudnnGetErrorString");
  find(l.create_descriptor, "cudnnBackendCreateDescriptor");
  find(l.destroy_descriptor, "cudnnBackendDestroyDescriptor");
  find(l.set_attribute, "cudnnBackendSetAttribute");
  find(l.get_attribute, "cudnnBackendGetAttribute");
  find(l.finalize, "cudnnBackendFinalize");
  find(l.execute, "cudnnBackendExecute");
  find(l.create_tensor, "cudnnCreateTensorDescriptor");
  find(l.destroy_tensor, "cudnnDestroyTensorDescriptor");
  find(l.set_tensor_4d, "cudnnSetTensor4dDescriptorEx");
  find(l.softmax_forward, "cudnnSoftmaxForward");
  find(l.softmax_backward, "cudnnSoftmaxBackward");
  find(l.create_pooling, "cudnnCreatePoolingDescriptor");
  find(l.destroy_pooling, "cudnnDestroyPoolingDescriptor");
  find(l.set_pooling_2d, "cudnnSetPooling2dDescriptor");
  find(l.pooling_forward, "cudnnPoolingForward");
  find(l.pooling_backward, "cudnnPoolingBackward");
  find(l.batch_norm_forward_workspace, "cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize");
  find(l.batch_norm_forward, "cudnnBatchNormalizationForwardTrainingEx");
  find(l.batch_norm_backward_workspace, "cudnnGetBatchNormalizationBackwardExWorkspaceSize");
  find(l.batch_norm_backward, "cudnnBatchNormalizationBackwardEx");
  return l;
}

}  // namespace

bool is_available() { return cuda::device_count() > 0 && open_library() != nullptr; }

const Library& library() {
  static const Library loaded = load();
  return loaded;
}

cudnnHandle_t handle() {
  thread_local std::map<int, cudnnHandle_t> handles;  // by device; they live as long as the process
  cudnnHandle_t& handle = handles[cuda::current_device()];
  if (handle == nullptr) check(library().create(&handle), "making a handle");
  check(library().set_stream(handle, cuda::current_stream()), "setting the stream");
  return handle;
}

void check(cudnnStatus_t status, const char* what) {
  if (status == CUDNN_STATUS_SUCCESS) [[likely]] return;
  throw DeviceError(std::string("cudnn: ") + what + ": " + library().error_string(status));
}

cudnnDataType_t data_type(ScalarType type) {
  switch (type) {
    case kFloat32: return CUDNN_DATA_FLOAT;
    case kFloat64: return CUDNN_DATA_DOUBLE;
    case kFloat16: return CUDNN_DATA_HALF;
    case kBFloat16: return CUDNN_DATA_BFLOAT16;
    default: throw DeviceError("cudnn: its kernels take floating-point tensors.");
  }
}

}  // namespace tessera::kernels::cudnn
