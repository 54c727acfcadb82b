// nn::functional: convolutions with option structs, and their padding. Formulas and output sizes: core/ops/conv.h.
#pragma once

#include "core/ops/conv.h"
#include "core/ops/matmul.h"
#include "nn/options.h"

namespace tessera::nn {

enum class PaddingStyle : uint8_t { Valid, Same };

// The padding of a convolution: numbers; kValid, none; or kSame, as much as keeps height and width, for a stride of 1: of an odd
// number of pixels the one more lies on the right and at the bottom.
class ConvPadding {
 public:
  ConvPadding(ExpandingArray<2> sizes) : sizes_(sizes) {}                             // NOLINT: implicit by design
  ConvPadding(int64_t one) : sizes_(one) {}                                           // NOLINT
  ConvPadding(std::initializer_list<int64_t> list) : sizes_(list) {}                  // NOLINT
  ConvPadding(PaddingStyle style) : sizes_(0), same_(style == PaddingStyle::Same) {}  // NOLINT
  bool is_same() const { return same_; }
  const ExpandingArray<2>& sizes() const { return sizes_; }  // zeros for kSame and kValid
  // {left, right, top, bottom} for a kernel {height, width}, as functional::pad takes them.
  std::array<int64_t, 4> widths(IntArrayRef kernel_size, IntArrayRef dilation) const;

 private:
  ExpandingArray<2> sizes_;
  bool same_ = false;
};

}  // namespace tessera::nn

namespace tessera {
inline constexpr auto kValid = nn::PaddingStyle::Valid, kSame = nn::PaddingStyle::Same;
}  // namespace tessera

namespace tessera::nn::functional {

using tessera::linear;
class Conv2dFuncOptions {
 public:
  TESSERA_ARG(Tensor, bias) = {};
  TESSERA_ARG(ExpandingArray<2>, stride) = 1;
  TESSERA_ARG(ConvPadding, padding) = 0;
  TESSERA_ARG(ExpandingArray<2>, dilation) = 1;
  TESSERA_ARG(int64_t, groups) = 1;
};
using tessera::conv2d;
Tensor conv2d(const Tensor& input, const Tensor& weight, const Conv2dFuncOptions& o);  // kSame with a stride: ValueError

class ConvTranspose2dFuncOptions {
 public:
  TESSERA_ARG(Tensor, bias) = {};
  TESSERA_ARG(ExpandingArray<2>, stride) = 1;
  TESSERA_ARG(ExpandingArray<2>, padding) = 0;
  TESSERA_ARG(ExpandingArray<2>, output_padding) = 0;
  TESSERA_ARG(int64_t, groups) = 1;
  TESSERA_ARG(ExpandingArray<2>, dilation) = 1;
};
using tessera::conv_transpose2d;
inline Tensor conv_transpose2d(const Tensor& input, const Tensor& weight, const ConvTranspose2dFuncOptions& o) {
  return conv_transpose2d(input, weight, o.bias(), o.stride(), o.padding(), o.output_padding(), o.groups(), o.dilation());
}

}  // namespace tessera::nn::functional
