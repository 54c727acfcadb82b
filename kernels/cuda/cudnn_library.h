// cuDNN 9, opened when it is first called: a program with cuDNN kernels also runs where the library is missing, as long as none of
// them is asked for. Building needs its headers alone.
//
// Everything here throws DeviceError where there is no libcudnn.so.9 in the linker's search path.
#pragma once

#include <cudnn.h>

#include "kernels/cuda/cudnn.h"
#include "kernels/dtype.h"

namespace tessera::kernels::cudnn {

// The functions in use, found by name.
struct Library {
  decltype(&cudnnCreate) create;
  decltype(&cudnnSetStream) set_stream;
  decltype(&cudnnGetErrorString) error_string;
  decltype(&cudnnBackendCreateDescriptor) create_descriptor;
  decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor;
  decltype(&cudnnBackendSetAttribute) set_attribute;
  decltype(&cudnnBackendGetAttribute) get_attribute;
  decltype(&cudnnBackendFinalize) finalize;
  decltype(&cudnnBackendExecute) execute;
  decltype(&cudnnCreateTensorDescriptor) create_tensor;
  decltype(&cudnnDestroyTensorDescriptor) destroy_tensor;
  decltype(&cudnnSetTensor4dDescriptorEx) set_tensor_4d;
  decltype(&cudnnSoftmaxForward) softmax_forward;
  decltype(&cudnnSoftmaxBackward) softmax_backward;
  decltype(&cudnnCreatePoolingDescriptor) create_pooling;
  decltype(&cudnnDestroyPoolingDescriptor) destroy_pooling;
  decltype(&cudnnSetPooling2dDescriptor) set_pooling_2d;
  decltype(&cudnnPoolingForward) pooling_forward;
  decltype(&cudnnPoolingBackward) pooling_backward;
  decltype(&cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize) batch_norm_forward_workspace;
  decltype(&cudnnBatchNormalizationForwardTrainingEx) batch_norm_forward;
  decltype(&cudnnGetBatchNormalizationBackwardExWorkspaceSize) batch_norm_backward_workspace;
  decltype(&cudnnBatchNormalizationBackwardEx) batch_norm_backward;
};
const Library& library();

// This thread's handle for the current device, set to its current stream.
cudnnHandle_t handle();

// Throws DeviceError "cudnn: WHAT: the library's message" unless the call succeeded.
void check(cudnnStatus_t status, const char* what);

cudnnDataType_t data_type(ScalarType type);  // DeviceError for what cuDNN's floating-point kernels do not know

}  // namespace tessera::kernels::cudnn
