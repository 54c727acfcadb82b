// Padding on CUDA: a thread does one element of the output.
//
// Forward: the element's source, or the constant; elements are moved as bytes. Backward: an element of the input's gradient gathers
// the outputs that copied it, at most three along each dimension (itself and its two mirror images) or, at the edge of the
// replicating mode, a range; it adds them in float64 in a fixed order. Memory traffic: each side once (mirrored elements more).
#include "kernels/cuda/index.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"
#include "kernels/pad/pad.h"

namespace tessera::kernels::cuda {
namespace {

using Dims = std::array<int64_t, kMaxDims>;

// The borders in front; kept by value for a kernel's parameters.
Dims to_dims(std::span<const int64_t> before) {
  Dims dims{};
  std::copy(before.begin(), before.end(), dims.begin());
  return dims;
}

// Takes positions in a shape apart, by multiplications where there are fewer than 2^31.
struct Divisors {
  std::array<FastDivisor, kMaxDims> fast{};
  Dims sizes{};
  bool narrow;

  explicit Divisors(const View& shape) : narrow(shape.numel() < int64_t{1} << 31) {
    for (int d = 0; d < shape.ndim; ++d) {
      sizes[d] = shape.sizes[d];
      if (narrow) fast[d] = FastDivisor(shape.sizes[d]);
    }
  }
  // `rest` modulo the size of dimension d; rest becomes the quotient.
  __device__ int64_t remainder(int64_t& rest, int d) const {
    if (narrow) {
      const QuotientRemainder at = fast[d](static_cast<uint32_t>(rest));
      rest = at.quotient;
      return at.remainder;
    }
    const int64_t at = rest % sizes[d];
    rest /= sizes[d];
    return at;
  }
};

template <class Unit>
__global__ void __launch_bounds__(kThreads)
    pad_forward_kernel(View out, View in, int64_t numel, Divisors divisors, Dims before, PadMode mode, Unit value) {
  wait_for_kernel_before();
  for (int64_t p = thread_position(); p < numel; p += thread_count()) {
    int64_t rest = p, to = 0, from = 0;
    bool inside = true;
#pragma unroll
    for (int d = kMaxDims - 1; d >= 0; --d) {
      if (d >= out.ndim) continue;
      const int64_t at = divisors.remainder(rest, d), source = pad_source(at - before[d], in.sizes[d], mode);
      to += at * out.strides[d];
      from += source * in.strides[d];
      inside = inside && source >= 0;
    }
    out.as<Unit>()[to] = inside ? in.as<Unit>()[from] : value;
  }
}

// The positions along one dimension of the output whose source is `at`: up to three, or [first, first + count).
struct Targets {
  int64_t position[3];
  int64_t count = 0;
  bool range = false;

  __device__ Targets(int64_t at, int64_t size, int64_t out_size, int64_t before, PadMode mode) {
    if (mode == PadMode::Replicate) {
      const int64_t first = at == 0 ? 0 : at + before, end = at == size - 1 ? out_size : at + before + 1;
      position[0] = first;
      count = end - first;
      range = true;
      return;
    }
    add(at + before, out_size);
    if (mode == PadMode::Reflect) {
      if (at > 0) add(before - at, out_size);
      if (at < size - 1) add(before + 2 * (size - 1) - at, out_size);
    }
  }
  __device__ void add(int64_t o, int64_t out_size) {
    if (o >= 0 && o < out_size) position[count++] = o;
  }
  __device__ int64_t operator[](int64_t k) const { return range ? position[0] + k : position[k]; }
};

template <class S>
__global__ void __launch_bounds__(kThreads)
    pad_backward_kernel(View grad_in, View grad_out, int64_t numel, Dims before, PadMode mode) {
  wait_for_kernel_before();
  for (int64_t p = thread_position(); p < numel; p += thread_count()) {
    int64_t position[kMaxDims], rest = p, to = 0, combinations = 1;
    for (int d = grad_in.ndim - 1; d >= 0; --d) {
      position[d] = rest % grad_in.sizes[d];
      rest /= grad_in.sizes[d];
      to += position[d] * grad_in.strides[d];
      combinations *= Targets(position[d], grad_in.sizes[d], grad_out.sizes[d], before[d], mode).count;
    }
    double sum = 0;
    for (int64_t c = 0; c < combinations; ++c) {
      int64_t choice = c, from = 0;
      for (int d = grad_in.ndim - 1; d >= 0; --d) {
        const Targets targets(position[d], grad_in.sizes[d], grad_out.sizes[d], before[d], mode);
        from += targets[choice % targets.count] * grad_out.strides[d];
        choice /= targets.count;
      }
      sum += convert_to<double>(grad_out.as<S>()[from]);
    }
    grad_in.as<S>()[to] = convert_to<S>(sum);
  }
}

}  // namespace

void pad_forward(const View& out, const View& in, std::span<const int64_t> before, PadMode mode, double value) {
  dispatch_all(in.dtype, [&]<class T>() {
    using Unit = std::conditional_t<sizeof(T) == 8, uint64_t,
                                    std::conditional_t<sizeof(T) == 4, uint32_t, std::conditional_t<sizeof(T) == 2, uint16_t, uint8_t>>>;
    const Unit bits = std::bit_cast<Unit>(convert<T>(value));
    launch("pad_forward", pad_forward_kernel<Unit>, grid_for(out.numel()), kThreads, 0, out, in, out.numel(), Divisors(out),
           to_dims(before), mode, bits);
  });
}

void pad_backward(const View& grad_in, const View& grad_out, std::span<const int64_t> before, PadMode mode) {
  if (mode == PadMode::Constant) {  // each element was copied at most once: the border comes off again
    std::array<int64_t, kMaxDims> cropped{};
    for (size_t d = 0; d < before.size(); ++d) cropped[d] = -before[d];
    return pad_forward(grad_in, grad_out, std::span(cropped).first(before.size()), PadMode::Constant, 0);
  }
  dispatch_floating(grad_in.dtype, [&]<class T>() {
    launch("pad_backward", pad_backward_kernel<T>, grid_for(grad_in.numel()), kThreads, 0, grad_in, grad_out, grad_in.numel(),
           to_dims(before), mode);
  });
}

}  // namespace tessera::kernels::cuda
