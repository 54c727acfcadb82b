// How the copy engine (TMA, compute capability 9.0) sees a tensor in device memory: a tensor map. Host code with CUDA headers.
//
// A map is a value of 128 bytes that a kernel takes as `const __grid_constant__ CUtensorMap`; tma.h starts the copies. Dimensions
// are listed from the innermost outwards, whose elements are adjacent. Rules of the hardware, checked by the driver: the base
// address and all strides (in bytes) are multiples of 16; a swizzled box has inner rows of at most the swizzle's width.
//
// A box arrives in shared memory row after row without gaps, and with a swizzle its 16-byte units are permuted: in a buffer
// aligned to 1024 bytes, unit u of 128-byte row r lies at r * 128 + ((u ^ (r % 8)) * 16). Rows of 64 bytes: u ^ (r / 2 % 4), of
// 32 bytes: u ^ (r / 4 % 2). In each case bits 4.. of the address are XORed with bits 7.. of it. wgmma.h reads these layouts.
#pragma once

#include <cuda.h>

#include <array>
#include <cstdint>
#include <initializer_list>

#include "kernels/dtype.h"

namespace tessera::kernels::cuda {

// How a float32 element is handed on: as it is, or rounded to TF32 (10 bits of mantissa) on its way.
enum class TmaRounding : uint8_t { None, ToTf32 };

// The swizzle for rows of 128, 64 or 32 bytes; none for others.
CUtensorMapSwizzle swizzle_of(int64_t row_bytes);

// Boxes at any coordinates. `sizes` and `box` in elements, `strides` in elements of dimensions 1.. (one fewer). What lies outside
// of the tensor, at negative coordinates too, arrives as 0. Throws DeviceError if the driver refuses.
CUtensorMap tiled_tensor_map(const void* data, ScalarType type, std::initializer_list<int64_t> sizes,
                             std::initializer_list<int64_t> strides, std::initializer_list<int64_t> box,
                             TmaRounding rounding = TmaRounding::None);

// A column of pixels of a channels-last picture, as an implicit GEMM of a convolution reads them ("im2col"). From a first pixel
// the engine walks `pixels` positions through rows, then pictures, in steps of `step` (height, width), inside the range [first,
// first + (count - 1) * step] of each axis, which may reach beyond the picture (0 there). A copy adds an offset of 0 to 255 to
// all positions: the kernel's tap. So with count = the output's size, first = -padding and offset = tap * dilation the positions
// are those that a convolution's outputs read.
struct PixelWalk {
  std::array<int64_t, 2> first, count, step;  // height, width
};
// Whether the hardware's fields can hold the walk and offsets up to `reach` (height, width): corners within [-128, 127], steps of
// at most 8, offsets of at most 255. Larger steps in height: see each row modulo the step as a picture of its own.
struct PixelSource {
  const void* data;
  ScalarType type;
  int64_t channels, width, height, pictures, stride_x, stride_y, stride_n;  // strides in elements
};
bool fits_tensor_map(const PixelSource& in, const PixelWalk& walk, const std::array<int64_t, 2>& reach);
CUtensorMap pixel_tensor_map(const PixelSource& in, const PixelWalk& walk, int channels, int pixels,
                             TmaRounding rounding = TmaRounding::None);

// Whether the current device has compute capability 9.0, whose instructions the sm_90a code needs.
bool device_is_hopper();

}  // namespace tessera::kernels::cuda
