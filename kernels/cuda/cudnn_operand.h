// Tensors in the memory order that cuDNN is given.
#pragma once

#include <optional>

#include "kernels/cuda/memory.h"
#include "kernels/elementwise/elementwise.h"

namespace tessera::kernels::cudnn {

// `like` without gaps, in NHWC or in row-major order, of type `dtype`. A dimension of size 1 has the stride of that order, too.
inline View packed_view(const View& like, bool channels_last, ScalarType dtype) {
  View view = like;
  view.data = nullptr;
  view.dtype = dtype;
  int64_t stride = 1;
  const auto place = [&](int d) {
    view.strides[d] = stride;
    stride *= view.sizes[d];
  };
  if (channels_last)
    for (int d : {1, 3, 2, 0}) place(d);
  else
    for (int d = view.ndim - 1; d >= 0; --d) place(d);
  return view;
}

// An operand in that order: its own memory where it lies so, else scratch memory; an input is copied there, an output back from
// there by store().
class Operand {
 public:
  enum class Role { Input, Output };
  Operand(const View& view, bool channels_last, ScalarType dtype, Role role)
      : original_(view), packed_(packed_view(view, channels_last, dtype)) {
    in_place_ = view.dtype == dtype && (channels_last ? view.is_channels_last() : view.is_contiguous());
    if (in_place_) {
      packed_.data = view.data;
      return;
    }
    scratch_.emplace(view.numel() * static_cast<int64_t>(element_size(dtype)));
    packed_.data = scratch_->data();
    if (role == Role::Input) cuda::copy(packed_, original_);
  }
  const View& view() const { return packed_; }
  void store() const {
    if (!in_place_) cuda::copy(original_, packed_);
  }

 private:
  View original_, packed_;
  bool in_place_;
  std::optional<cuda::DeviceScratch<unsigned char>> scratch_;
};

}  // namespace tessera::kernels::cudnn
