#include "kernels/cuda/tensor_map.h"

#include <cudaTypedefs.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <string>

#include "kernels/cuda/check.h"
#include "kernels/cuda/runtime.h"

namespace tessera::kernels::cuda {
namespace {

// A function of the driver, found at run time: nothing links libcuda, so the program starts on machines without a driver.
template <class Function> Function driver_function(const char* name) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult result;
  check(cudaGetDriverEntryPointByVersion(name, &found, 12000, cudaEnableDefault, &result), name);
  if (result != cudaDriverEntryPointSuccess)
    throw DeviceError(std::string("cuda: the driver has no ") + name + ". Update it to one for CUDA 12 or later.");
  return reinterpret_cast<Function>(found);
}

CUtensorMapDataType map_type(ScalarType type, TmaRounding rounding) {
  switch (type) {
    case kBFloat16: return CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
    case kFloat16: return CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
    case kFloat32: return rounding == TmaRounding::ToTf32 ? CU_TENSOR_MAP_DATA_TYPE_TFLOAT32 : CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
    default: throw DeviceError(std::string("cuda: tensor map: no map of elements of type ") + to_string(type) + ".");
  }
}

void check_map(CUresult status, const char* what) {
  if (status == CUDA_SUCCESS) [[likely]]
    return;
  throw DeviceError(std::string("cuda: ") + what + ": the driver refuses the layout (error " + std::to_string(status) + ").");
}

}  // namespace

CUtensorMapSwizzle swizzle_of(int64_t row_bytes) {
  switch (row_bytes) {
    case 128: return CU_TENSOR_MAP_SWIZZLE_128B;
    case 64: return CU_TENSOR_MAP_SWIZZLE_64B;
    case 32: return CU_TENSOR_MAP_SWIZZLE_32B;
    default: return CU_TENSOR_MAP_SWIZZLE_NONE;
  }
}

CUtensorMap tiled_tensor_map(const void* data, ScalarType type, std::initializer_list<int64_t> sizes,
                             std::initializer_list<int64_t> strides, std::initializer_list<int64_t> box, TmaRounding rounding) {
  static const auto encode = driver_function<PFN_cuTensorMapEncodeTiled_v12000>("cuTensorMapEncodeTiled");
  const auto bytes = static_cast<int64_t>(element_size(type));
  std::array<cuuint64_t, 5> size{}, stride{};
  std::array<cuuint32_t, 5> extent{}, step{1, 1, 1, 1, 1};
  std::copy(sizes.begin(), sizes.end(), size.begin());
  std::copy(box.begin(), box.end(), extent.begin());
  std::transform(strides.begin(), strides.end(), stride.begin(), [&](int64_t s) { return static_cast<cuuint64_t>(s * bytes); });
  CUtensorMap map;
  check_map(encode(&map, map_type(type, rounding), static_cast<cuuint32_t>(sizes.size()), const_cast<void*>(data), size.data(),
                   stride.data(), extent.data(), step.data(), CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle_of(*box.begin() * bytes),
                   CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
            "tensor map");
  return map;
}

namespace {
// The last position of the walk along an axis, counted from the last pixel.
int64_t upper_corner(const PixelWalk& walk, size_t axis, int64_t size) {
  return walk.first[axis] + (walk.count[axis] - 1) * walk.step[axis] - (size - 1);
}
}  // namespace

bool fits_tensor_map(const PixelSource& in, const PixelWalk& walk, const std::array<int64_t, 2>& reach) {
  const auto fits = [&](size_t axis, int64_t size) {
    const int64_t upper = upper_corner(walk, axis, size);
    return walk.first[axis] >= -128 && walk.first[axis] <= 127 && upper >= -128 && upper <= 127 && walk.step[axis] <= 8 &&
           reach[axis] <= 255;
  };
  return fits(0, in.height) && fits(1, in.width);
}

CUtensorMap pixel_tensor_map(const PixelSource& in, const PixelWalk& walk, int channels, int pixels, TmaRounding rounding) {
  static const auto encode = driver_function<PFN_cuTensorMapEncodeIm2col_v12000>("cuTensorMapEncodeIm2col");
  const auto bytes = static_cast<int64_t>(element_size(in.type));
  const auto size = [](int64_t value) { return static_cast<cuuint64_t>(value); };
  const auto step = [](int64_t value) { return static_cast<cuuint32_t>(value); };
  const std::array<cuuint64_t, 4> sizes{size(in.channels), size(in.width), size(in.height), size(in.pictures)};
  const std::array<cuuint64_t, 3> strides{size(in.stride_x * bytes), size(in.stride_y * bytes), size(in.stride_n * bytes)};
  const std::array<int, 2> lower{static_cast<int>(walk.first[1]), static_cast<int>(walk.first[0])};
  const std::array<int, 2> upper{static_cast<int>(upper_corner(walk, 1, in.width)),
                                 static_cast<int>(upper_corner(walk, 0, in.height))};
  const std::array<cuuint32_t, 4> steps{1, step(walk.step[1]), step(walk.step[0]), 1};
  CUtensorMap map;
  check_map(encode(&map, map_type(in.type, rounding), 4, const_cast<void*>(in.data), sizes.data(), strides.data(), lower.data(),
                   upper.data(), step(channels), step(pixels), steps.data(), CU_TENSOR_MAP_INTERLEAVE_NONE,
                   swizzle_of(channels * bytes), CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
            "tensor map of pixels");
  return map;
}

bool device_is_hopper() {
  int major = 0, minor = 0;
  const int device = current_device();
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "device attribute");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "device attribute");
  return major == 9 && minor == 0;
}

}  // namespace tessera::kernels::cuda
