// Resampling pixel by pixel. The gradient walks the same map and adds each output's gradient to the pixels that it was made of.
#include <vector>

#include "kernels/interpolate/interpolate.h"

namespace tessera::kernels::reference {
namespace {

int64_t offset(const View& v, int64_t n, int64_t c, int64_t h, int64_t w) {
  return n * v.strides[0] + c * v.strides[1] + h * v.strides[2] + w * v.strides[3];
}

// visit(n, c, oh, ow) for each output pixel.
template <class Visit> void for_each_output(const View& out, Visit&& visit) {
  for (int64_t n = 0; n < out.sizes[0]; ++n)
    for (int64_t c = 0; c < out.sizes[1]; ++c)
      for (int64_t oh = 0; oh < out.sizes[2]; ++oh)
        for (int64_t ow = 0; ow < out.sizes[3]; ++ow) visit(n, c, oh, ow);
}

// term(ih, iw, weight) for each input pixel that output (oh, ow) is made of.
template <class C, class Term>
void nearest_terms(const View& in, const InterpolateParams& p, int64_t oh, int64_t ow, Term&& term) {
  term(nearest_source(oh, p.scale_h, in.sizes[2]), nearest_source(ow, p.scale_w, in.sizes[3]), C{1});
}

template <class C, class Term>
void bilinear_terms(const View& in, const View& out, const InterpolateParams& p, int64_t oh, int64_t ow, Term&& term) {
  const auto h = linear_source<C>(oh, p.align_corners, p.scale_h, in.sizes[2], out.sizes[2]);
  const auto w = linear_source<C>(ow, p.align_corners, p.scale_w, in.sizes[3], out.sizes[3]);
  term(h.index, w.index, (1 - h.lambda) * (1 - w.lambda));
  term(h.index, w.neighbour, (1 - h.lambda) * w.lambda);
  term(h.neighbour, w.index, h.lambda * (1 - w.lambda));
  term(h.neighbour, w.neighbour, h.lambda * w.lambda);
}

// terms.operator()<C>(oh, ow, term) lists the input pixels of one output pixel.
template <class Terms> void forward(const View& out, const View& input, Terms&& terms) {
  dispatch_floating(input.dtype, [&]<class T>() {
    using C = compute_t<T>;
    for_each_output(out, [&](int64_t n, int64_t c, int64_t oh, int64_t ow) {
      C sum = 0;
      terms.template operator()<C>(
          oh, ow, [&](int64_t ih, int64_t iw, C weight) { sum += weight * C{input.as<T>()[offset(input, n, c, ih, iw)]}; });
      out.as<T>()[offset(out, n, c, oh, ow)] = static_cast<T>(sum);
    });
  });
}

template <class Terms> void backward(const View& grad_input, const View& grad_out, Terms&& terms) {
  dispatch_floating(grad_out.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const int64_t height = grad_input.sizes[2], width = grad_input.sizes[3];
    std::vector<C> plane(static_cast<size_t>(height * width));  // the gradient of one image channel
    for (int64_t n = 0; n < grad_out.sizes[0]; ++n)
      for (int64_t c = 0; c < grad_out.sizes[1]; ++c) {
        std::fill(plane.begin(), plane.end(), C{0});
        for (int64_t oh = 0; oh < grad_out.sizes[2]; ++oh)
          for (int64_t ow = 0; ow < grad_out.sizes[3]; ++ow)
            terms.template operator()<C>(oh, ow, [&](int64_t ih, int64_t iw, C weight) {
              plane[static_cast<size_t>(ih * width + iw)] += weight * C{grad_out.as<T>()[offset(grad_out, n, c, oh, ow)]};
            });
        for (int64_t h = 0; h < height; ++h)
          for (int64_t w = 0; w < width; ++w)
            grad_input.as<T>()[offset(grad_input, n, c, h, w)] = static_cast<T>(plane[static_cast<size_t>(h * width + w)]);
      }
  });
}

}  // namespace

void nearest2d_forward(const View& out, const View& input, const InterpolateParams& params) {
  forward(out, input, [&]<class C>(int64_t oh, int64_t ow, auto&& term) { nearest_terms<C>(input, params, oh, ow, term); });
}

void nearest2d_backward(const View& grad_input, const View& grad_out, const InterpolateParams& params) {
  backward(grad_input, grad_out,
           [&]<class C>(int64_t oh, int64_t ow, auto&& term) { nearest_terms<C>(grad_input, params, oh, ow, term); });
}

void bilinear2d_forward(const View& out, const View& input, const InterpolateParams& params) {
  forward(out, input, [&]<class C>(int64_t oh, int64_t ow, auto&& term) { bilinear_terms<C>(input, out, params, oh, ow, term); });
}

void bilinear2d_backward(const View& grad_input, const View& grad_out, const InterpolateParams& params) {
  backward(grad_input, grad_out,
           [&]<class C>(int64_t oh, int64_t ow, auto&& term) { bilinear_terms<C>(grad_input, grad_out, params, oh, ow, term); });
}

}  // namespace tessera::kernels::reference
