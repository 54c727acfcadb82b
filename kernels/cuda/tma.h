// Bulk tensor copies from device to shared memory by the copy engine (TMA, compute capability 9.0). For .cu files.
//
// One thread starts a copy and goes on; the bytes are reported to an mbarrier, whose phase must expect all of the box (parts
// outside of the tensor arrive as zeros and count). The destination is aligned to 128 bytes, for swizzled boxes to 1024. Maps
// come from tensor_map.h. Coordinates are in elements, from the innermost dimension outwards.
#pragma once

#include "kernels/cuda/mbarrier.h"
#include "kernels/cuda/tensor_map.h"

namespace tessera::kernels::cuda {

#if TESSERA_HOPPER

__device__ inline void tma_prefetch_map(const CUtensorMap& map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(reinterpret_cast<uint64_t>(&map)) : "memory");
}

__device__ inline void tma_load_2d(void* to, const CUtensorMap& map, Mbarrier* barrier, int c0, int c1) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], [%2];" ::"r"(
          shared_address(to)),
      "l"(reinterpret_cast<uint64_t>(&map)), "r"(shared_address(barrier)), "r"(c0), "r"(c1)
      : "memory");
}
__device__ inline void tma_load_3d(void* to, const CUtensorMap& map, Mbarrier* barrier, int c0, int c1, int c2) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], [%2];" ::"r"(
          shared_address(to)),
      "l"(reinterpret_cast<uint64_t>(&map)), "r"(shared_address(barrier)), "r"(c0), "r"(c1), "r"(c2)
      : "memory");
}
__device__ inline void tma_load_4d(void* to, const CUtensorMap& map, Mbarrier* barrier, int c0, int c1, int c2, int c3) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2];" ::
          "r"(shared_address(to)),
      "l"(reinterpret_cast<uint64_t>(&map)), "r"(shared_address(barrier)), "r"(c0), "r"(c1), "r"(c2), "r"(c3)
      : "memory");
}
// A column of pixels that begins at pixel (y, x) of a picture, with the tap's offset added to each (pixel_tensor_map).
__device__ inline void tma_load_pixels(void* to, const CUtensorMap& map, Mbarrier* barrier, int channel, int x, int y,
                                       int picture, int offset_x, int offset_y) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2], "
      "{%7, %8};" ::"r"(shared_address(to)),
      "l"(reinterpret_cast<uint64_t>(&map)), "r"(shared_address(barrier)), "r"(channel), "r"(x), "r"(y), "r"(picture),
      "h"(static_cast<uint16_t>(offset_x)), "h"(static_cast<uint16_t>(offset_y))
      : "memory");
}

// From shared memory to a box of the tensor; what lies outside of the tensor is not written. The threads that filled the box call
// fence_shared_for_async() and meet at a barrier first. Stores are closed in groups by the thread that starts them, which asks
// with tma_wait_read() whether at most `pending` groups still read shared memory.
__device__ inline void tma_store_4d(const CUtensorMap& map, const void* from, int c0, int c1, int c2, int c3) {
  asm volatile("cp.async.bulk.tensor.4d.global.shared::cta.tile.bulk_group [%0, {%2, %3, %4, %5}], [%1];" ::"l"(
                   reinterpret_cast<uint64_t>(&map)),
               "r"(shared_address(from)), "r"(c0), "r"(c1), "r"(c2), "r"(c3)
               : "memory");
}
__device__ inline void tma_commit() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }
template <int pending> __device__ inline void tma_wait_read() {
  asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(pending) : "memory");
}

#endif  // TESSERA_HOPPER

}  // namespace tessera::kernels::cuda
