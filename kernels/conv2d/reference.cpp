// Convolution as its formula says it: one sum an output element, in float64. Each gradient gathers what reaches its element,
// so nothing is scattered and the order of summation is fixed. Runs on one thread; reads each input once a use.
#include "kernels/conv2d/conv2d.h"

namespace tessera::kernels::reference {
namespace {

template <class T> T& at(const View& v, int64_t i, int64_t j, int64_t k, int64_t l) {
  return v.as<T>()[i * v.strides[0] + j * v.strides[1] + k * v.strides[2] + l * v.strides[3]];
}

template <class T> double bias_at(const View* bias, int64_t channel) {
  return bias ? double(bias->as<T>()[channel * bias->strides[0]]) : 0.0;
}

}  // namespace

void conv2d_forward(const View& out, const View& input, const View& weight, const View* bias, const Conv2dParams& params) {
  const int64_t n_count = out.sizes[0], out_channels = out.sizes[1], out_height = out.sizes[2], out_width = out.sizes[3];
  const int64_t height = input.sizes[2], width = input.sizes[3];
  const int64_t group_in = weight.sizes[1], group_out = out_channels / params.groups;
  dispatch_floating(out.dtype, [&]<class T>() {
    for (int64_t n = 0; n < n_count; ++n)
      for (int64_t oc = 0; oc < out_channels; ++oc)
        for (int64_t oy = 0; oy < out_height; ++oy)
          for (int64_t ox = 0; ox < out_width; ++ox) {
            double sum = bias_at<T>(bias, oc);
            for (int64_t ic = 0; ic < group_in; ++ic)
              for (int64_t ky = 0; ky < weight.sizes[2]; ++ky)
                for (int64_t kx = 0; kx < weight.sizes[3]; ++kx) {
                  const int64_t y = oy * params.stride[0] - params.padding[0] + ky * params.dilation[0];
                  const int64_t x = ox * params.stride[1] - params.padding[1] + kx * params.dilation[1];
                  if (y < 0 || y >= height || x < 0 || x >= width) continue;
                  const int64_t channel = oc / group_out * group_in + ic;
                  sum += double(at<T>(input, n, channel, y, x)) * double(at<T>(weight, oc, ic, ky, kx));
                }
            at<T>(out, n, oc, oy, ox) = static_cast<T>(sum);
          }
  });
}

void conv2d_input_grad(const View& grad_input, const View& grad_out, const View& weight, const View* bias,
                       const Conv2dParams& params) {
  const int64_t n_count = grad_input.sizes[0], in_channels = grad_input.sizes[1];
  const int64_t height = grad_input.sizes[2], width = grad_input.sizes[3];
  const int64_t out_height = grad_out.sizes[2], out_width = grad_out.sizes[3];
  const int64_t group_in = weight.sizes[1], group_out = grad_out.sizes[1] / params.groups;
  dispatch_floating(grad_input.dtype, [&]<class T>() {
    for (int64_t n = 0; n < n_count; ++n)
      for (int64_t ic = 0; ic < in_channels; ++ic)
        for (int64_t y = 0; y < height; ++y)
          for (int64_t x = 0; x < width; ++x) {
            double sum = bias_at<T>(bias, ic);
            const int64_t group = ic / group_in;
            for (int64_t oc = group * group_out; oc < (group + 1) * group_out; ++oc)
              for (int64_t ky = 0; ky < weight.sizes[2]; ++ky)
                for (int64_t kx = 0; kx < weight.sizes[3]; ++kx) {
                  // The output position that read (y, x) through this tap, if there is one.
                  const int64_t scaled_y = y + params.padding[0] - ky * params.dilation[0];
                  const int64_t scaled_x = x + params.padding[1] - kx * params.dilation[1];
                  if (scaled_y < 0 || scaled_y % params.stride[0] != 0 || scaled_y / params.stride[0] >= out_height) continue;
                  if (scaled_x < 0 || scaled_x % params.stride[1] != 0 || scaled_x / params.stride[1] >= out_width) continue;
                  sum += double(at<T>(grad_out, n, oc, scaled_y / params.stride[0], scaled_x / params.stride[1])) *
                         double(at<T>(weight, oc, ic - group * group_in, ky, kx));
                }
            at<T>(grad_input, n, ic, y, x) = static_cast<T>(sum);
          }
  });
}

void conv2d_weight_grad(const View& grad_weight, const View& input, const View& grad_out, const Conv2dParams& params) {
  const int64_t out_channels = grad_out.sizes[1], out_height = grad_out.sizes[2], out_width = grad_out.sizes[3];
  const int64_t height = input.sizes[2], width = input.sizes[3];
  const int64_t group_in = grad_weight.sizes[1], group_out = out_channels / params.groups;
  const auto run = [&]<class To, class T>() {
    for (int64_t oc = 0; oc < out_channels; ++oc)
      for (int64_t ic = 0; ic < group_in; ++ic)
        for (int64_t ky = 0; ky < grad_weight.sizes[2]; ++ky)
          for (int64_t kx = 0; kx < grad_weight.sizes[3]; ++kx) {
            double sum = 0;
            for (int64_t n = 0; n < input.sizes[0]; ++n)
              for (int64_t oy = 0; oy < out_height; ++oy)
                for (int64_t ox = 0; ox < out_width; ++ox) {
                  const int64_t y = oy * params.stride[0] - params.padding[0] + ky * params.dilation[0];
                  const int64_t x = ox * params.stride[1] - params.padding[1] + kx * params.dilation[1];
                  if (y < 0 || y >= height || x < 0 || x >= width) continue;
                  const int64_t channel = oc / group_out * group_in + ic;
                  sum += double(at<T>(grad_out, n, oc, oy, ox)) * double(at<T>(input, n, channel, y, x));
                }
            at<To>(grad_weight, oc, ic, ky, kx) = static_cast<To>(sum);
          }
  };
  dispatch_floating(grad_weight.dtype, [&]<class To>() {
    dispatch_floating(input.dtype, [&]<class T>() { run.template operator()<To, T>(); });
  });
}

}  // namespace tessera::kernels::reference
