// What cuDNN's calls outside of the graph interface take: descriptions of tensors in 4 dimensions, and factors.
#pragma once

#include <array>

#include "kernels/cuda/cudnn_library.h"
#include "kernels/view.h"

namespace tessera::kernels::cudnn {

// Owns the description of a tensor [N, C, H, W].
class TensorDescriptor {
 public:
  TensorDescriptor(ScalarType dtype, const std::array<int64_t, 4>& sizes, const std::array<int64_t, 4>& strides) {
    check(library().create_tensor(&descriptor_), "making a descriptor");
    const auto n = [](int64_t value) { return static_cast<int>(value); };
    check(library().set_tensor_4d(descriptor_, data_type(dtype), n(sizes[0]), n(sizes[1]), n(sizes[2]), n(sizes[3]), n(strides[0]),
                                  n(strides[1]), n(strides[2]), n(strides[3])),
          "describing a tensor");
  }
  explicit TensorDescriptor(const View& image)
      : TensorDescriptor(image.dtype, {image.sizes[0], image.sizes[1], image.sizes[2], image.sizes[3]},
                         {image.strides[0], image.strides[1], image.strides[2], image.strides[3]}) {}
  ~TensorDescriptor() { library().destroy_tensor(descriptor_); }
  TensorDescriptor(const TensorDescriptor&) = delete;
  TensorDescriptor& operator=(const TensorDescriptor&) = delete;
  cudnnTensorDescriptor_t get() const { return descriptor_; }

 private:
  cudnnTensorDescriptor_t descriptor_ = nullptr;
};

// out = 1 * result + 0 * out. The factors are float64 for float64 and float32 for all others.
class Factors {
 public:
  explicit Factors(ScalarType dtype) : wide_(dtype == kFloat64) {}
  const void* one() const { return wide_ ? static_cast<const void*>(&one_double_) : &one_float_; }
  const void* zero() const { return wide_ ? static_cast<const void*>(&zero_double_) : &zero_float_; }

 private:
  double one_double_ = 1, zero_double_ = 0;
  float one_float_ = 1, zero_float_ = 0;
  bool wide_;
};

}  // namespace tessera::kernels::cudnn
