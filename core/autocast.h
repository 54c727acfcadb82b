// Mixed precision as PyTorch's autocast does it: while a guard lives, ops on its device type pick the dtype that they compute in.
//
//     {
//       const AutocastGuard guard(kCUDA);                       // bfloat16
//       loss = F::cross_entropy(network(images), labels);       // parameters stay float32
//     }
//     loss.backward();                                          // gradients are float32
//
//   in `dtype`            conv2d, conv_transpose2d, mm, bmm, matmul, addmm, linear, prelu
//   in float32            pow, exp, expm1, log, log1p, rsqrt, reciprocal, softplus, sum, prod, cumsum, norm, softmax, log_softmax,
//                         logsumexp, layer_norm, group_norm and all losses. cross_entropy and nll_loss read half tensors as they
//                         are and compute in float32; batch_norm does too, but answers in its input's dtype
//   by type promotion     everything else: bfloat16 + float32 -> float32, cat as well
//
// float64 and integer tensors are left alone, and so are ops in place. Backward runs in the dtypes of the forward; autocast itself
// is off there. The guards' state belongs to the thread.
//
// A float32 leaf that requires a gradient is converted once, however often it is used, until the outermost guard ends (the cache);
// a leaf that was written in between is converted anew.
#pragma once

#include "core/tensor.h"

namespace tessera {

// dtype: bfloat16 or float16 (ValueError otherwise), which needs no loss scaling in the case of bfloat16. Guards nest; one with
// enabled = false computes in the dtypes that the tensors have.
class AutocastGuard {
 public:
  explicit AutocastGuard(DeviceType type, ScalarType dtype = kBFloat16, bool enabled = true, bool cache_enabled = true);
  ~AutocastGuard();
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  const DeviceType type_;
  const ScalarType previous_dtype_;
  const bool previous_enabled_, previous_cache_;
};

// The pieces that the guard is made of, under libtorch's names.
namespace autocast {

bool is_autocast_enabled(DeviceType type);
void set_autocast_enabled(DeviceType type, bool enabled);
ScalarType get_autocast_dtype(DeviceType type);  // bfloat16 unless set
void set_autocast_dtype(DeviceType type, ScalarType dtype);
bool is_autocast_cache_enabled();
void set_autocast_cache_enabled(bool enabled);
void clear_cache();
int increment_nesting();
int decrement_nesting();  // the caller clears the cache at 0

// --- For ops -----------------------------------------------------------------------------------------------------------------

// x in the lower precision, through the cache: for ops of the first kind. x itself where autocast is off for its device, and where
// it is float64 or no floating-point tensor. An undefined tensor stays undefined.
Tensor lower(const Tensor& x);
// A half tensor in float32: for ops of the second kind.
Tensor widen(const Tensor& x);
// The dtype that an op of the second kind gives if it reads x as it is.
ScalarType widened_type(const Tensor& x);

// Turns autocast off for all devices: backward passes.
class Off {
 public:
  Off();
  ~Off();
  Off(const Off&) = delete;
  Off& operator=(const Off&) = delete;

 private:
  const bool cpu_, cuda_;
};

}  // namespace autocast
}  // namespace tessera
