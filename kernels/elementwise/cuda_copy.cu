// copy and fill on CUDA.
//
//   same dtype, same dense order   cudaMemcpyAsync
//   same dtype, transposed         tiles through shared memory: a warp reads along the source's rows and writes along the output's,
//                                  16 bytes a thread where rows and addresses allow
//   same dtype, any strides        a thread moves units of up to 16 bytes: the largest that rows, strides and addresses allow
//   another dtype, dense           a thread converts 4 adjacent elements
//   another dtype, any strides     the plain loop of cuda_loop.h
// Memory traffic: each side once.
#include "kernels/cuda/memory.h"
#include "kernels/elementwise/cuda_loop.h"

namespace tessera::kernels::cuda {
namespace {

template <class T> struct Identity {
  __device__ T operator()(T x) const { return x; }
};

// --- Moving bytes ---------------------------------------------------------------------------------------------------------------

template <class Unit>
__global__ void __launch_bounds__(kThreads)
    move_kernel(Unit* to, const Unit* from, int64_t units, OffsetCalculator<2> offsets) {
  wait_for_kernel_before();
  let_next_kernel_begin();
  const int64_t first = int64_t{blockIdx.x} * (kThreads * kPacks) + threadIdx.x;
  Unit values[kPacks];
  int64_t places[kPacks];
#pragma unroll
  for (int u = 0; u < kPacks; ++u) {
    const int64_t p = first + u * kThreads;
    if (p >= units) break;
    const auto at = offsets(p);
    places[u] = at[0];
    values[u] = from[at[1]];
  }
#pragma unroll
  for (int u = 0; u < kPacks; ++u)
    if (first + u * kThreads < units) to[places[u]] = values[u];
}

// The number of bytes, a power of two up to 16, that can be moved at a time.
int64_t unit_bytes(const ElementwisePlan<2>& plan) {
  const int64_t element = static_cast<int64_t>(element_size(plan.dtypes[0]));
  if (plan.strides[0][0] != 1 || plan.strides[1][0] != 1) return element;
  uint64_t bits = 16 | static_cast<uint64_t>(plan.sizes[0] * element);
  for (size_t k = 0; k < 2; ++k) {
    bits |= reinterpret_cast<uintptr_t>(plan.data[k]);
    for (int d = 1; d < plan.ndim; ++d) bits |= static_cast<uint64_t>(plan.strides[k][d] * element);
  }
  return static_cast<int64_t>(bits & -bits);  // the lowest bit set
}

template <class Unit> void move_units(const ElementwisePlan<2>& plan) {
  const int64_t element = static_cast<int64_t>(element_size(plan.dtypes[0])), ratio = sizeof(Unit) / element;
  auto sizes = plan.sizes;
  sizes[0] /= ratio;
  auto strides = plan.strides;
  for (auto& s : strides)
    for (int d = 1; d < plan.ndim; ++d) s[d] /= ratio;
  const int64_t units = plan.numel / ratio;
  launch("copy_units", move_kernel<Unit>, dim3(static_cast<unsigned>(div_up(units, kThreads * kPacks))), kThreads, 0,
         static_cast<Unit*>(plan.data[0]), static_cast<const Unit*>(plan.data[1]), units,
         OffsetCalculator<2>(plan.ndim, sizes, strides));
}

// --- Tiles ------------------------------------------------------------------------------------------------------------------------

constexpr int kTileRows = 8;  // threads of a block in y

// Elements (i, j) of a plane: from[i * from_stride + j] to to[j * to_stride + i]. blockIdx.x: tile of the plane, y: plane.
template <class T, int kTile>
__global__ void __launch_bounds__(32 * kTileRows)
    transpose_kernel(T* to, const T* from, int along, int across, int64_t from_stride, int64_t to_stride,
                     OffsetCalculator<2> planes, int64_t plane_count) {
  wait_for_kernel_before();
  let_next_kernel_begin();
  __shared__ T tile[kTile][kTile + 4 / sizeof(T) + (sizeof(T) > 4)];
  const int along_tiles = static_cast<int>(div_up(along, kTile));
  const int i0 = blockIdx.x % along_tiles * kTile, j0 = blockIdx.x / along_tiles * kTile;
  for (int64_t plane = blockIdx.y; plane < plane_count; plane += gridDim.y) {
    const auto base = planes(plane);
#pragma unroll
    for (int i = threadIdx.y; i < kTile; i += kTileRows)
      for (int j = threadIdx.x; j < kTile; j += 32)
        if (i0 + i < along && j0 + j < across) tile[i][j] = from[base[1] + (i0 + i) * from_stride + j0 + j];
    __syncthreads();
#pragma unroll
    for (int j = threadIdx.y; j < kTile; j += kTileRows)
      for (int i = threadIdx.x; i < kTile; i += 32)
        if (i0 + i < along && j0 + j < across) to[base[0] + (j0 + j) * to_stride + i0 + i] = tile[i][j];
    __syncthreads();
  }
}

// The same for elements of 4 or 2 bytes in packs of 16 bytes on both sides, tiles of 64 x 64. The tile is kept in words of 4 bytes,
// an odd number a row. Elements of 2 bytes are written for two j at a time, the two halves of a word.
template <class T>
__global__ void __launch_bounds__(kThreads)
    transpose_packs_kernel(T* to, const T* from, int along, int across, int64_t from_stride, int64_t to_stride,
                           OffsetCalculator<2> planes, int64_t plane_count) {
  wait_for_kernel_before();
  let_next_kernel_begin();
  constexpr int kTile = 64, V = kPackSize<T>, kHalves = 4 / sizeof(T), kPitch = kTile / kHalves + 1, kRowPacks = kTile / V;
  __shared__ uint32_t tile[kTile * kPitch];
  const int along_tiles = static_cast<int>(div_up(along, kTile));
  const int i0 = blockIdx.x % along_tiles * kTile, j0 = blockIdx.x / along_tiles * kTile;
  for (int64_t plane = blockIdx.y; plane < plane_count; plane += gridDim.y) {
    const auto base = planes(plane);
#pragma unroll
    for (int q = threadIdx.x; q < kTile * kRowPacks; q += kThreads) {
      const int i = q / kRowPacks, j = q % kRowPacks * V;
      if (i0 + i >= along || j0 + j >= across) continue;
      const uint4 pack = *reinterpret_cast<const uint4*>(from + base[1] + (i0 + i) * from_stride + j0 + j);
      uint32_t* row = tile + i * kPitch + j / kHalves;
      row[0] = pack.x, row[1] = pack.y, row[2] = pack.z, row[3] = pack.w;
    }
    __syncthreads();
#pragma unroll
    for (int q = threadIdx.x; q < kTile / kHalves * kRowPacks; q += kThreads) {
      const int i = q % kRowPacks * V, word = q / kRowPacks, j = word * kHalves;
      if (i0 + i >= along || j0 + j >= across) continue;
      uint32_t w[V];
#pragma unroll
      for (int v = 0; v < V; ++v) w[v] = tile[(i + v) * kPitch + word];
      T* out = to + base[0] + (j0 + j) * to_stride + i0 + i;
      if constexpr (kHalves == 1) {
        *reinterpret_cast<uint4*>(out) = make_uint4(w[0], w[1], w[2], w[3]);
      } else {
        const auto halves = [&](unsigned which) {
          return make_uint4(__byte_perm(w[0], w[1], which), __byte_perm(w[2], w[3], which), __byte_perm(w[4], w[5], which),
                            __byte_perm(w[6], w[7], which));
        };
        *reinterpret_cast<uint4*>(out) = halves(0x5410);               // the low ones: j
        *reinterpret_cast<uint4*>(out + to_stride) = halves(0x7632);  // the high ones: j + 1
      }
    }
    __syncthreads();
  }
}

// Whether rows and planes of both sides begin at multiples of 16 bytes.
bool in_packs(const ElementwisePlan<2>& plan, int across, int64_t V) {
  bool fits = plan.sizes[0] % V == 0 && plan.sizes[across] % V == 0;
  for (size_t k = 0; k < 2; ++k) {
    fits = fits && is_aligned(plan.data[k]);
    for (int d = 0; d < plan.ndim; ++d) fits = fits && (plan.strides[k][d] == 1 || plan.strides[k][d] % V == 0);
  }
  return fits;
}

// Dimension 0 has stride 1 in the output, dimension `across` in the source.
template <class T> void transpose(const ElementwisePlan<2>& plan, int across) {
  std::array<int64_t, kMaxDims> sizes{};
  std::array<std::array<int64_t, kMaxDims>, 2> strides{};
  int ndim = 0;
  int64_t planes = 1;
  for (int d = 1; d < plan.ndim; ++d) {
    if (d == across) continue;
    sizes[ndim] = plan.sizes[d];
    for (int k = 0; k < 2; ++k) strides[k][ndim] = plan.strides[k][d];
    planes *= plan.sizes[d];
    ++ndim;
  }
  const auto run = [&](const char* name, auto* kernel, int64_t tile, dim3 block) {
    const int64_t tiles = div_up(plan.sizes[0], tile) * div_up(plan.sizes[across], tile);
    launch(name, kernel, dim3(static_cast<unsigned>(tiles), static_cast<unsigned>(std::min<int64_t>(planes, 65535))), block, 0,
           static_cast<T*>(plan.data[0]), static_cast<const T*>(plan.data[1]), static_cast<int>(plan.sizes[0]),
           static_cast<int>(plan.sizes[across]), plan.strides[1][0], plan.strides[0][across],
           OffsetCalculator<2>(ndim, sizes, strides), planes);
  };
  if constexpr (sizeof(T) == 4 || sizeof(T) == 2)
    if (in_packs(plan, across, kPackSize<T>)) return run("copy_transpose_packs", transpose_packs_kernel<T>, 64, kThreads);
  constexpr int kTile = sizeof(T) >= 4 ? 32 : 64;
  run("copy_transpose", transpose_kernel<T, kTile>, kTile, dim3(32, kTileRows));
}

void move(const ElementwisePlan<2>& plan) {
  const int64_t element = static_cast<int64_t>(element_size(plan.dtypes[0]));
  if (plan.is_flat(0) && plan.is_flat(1))
    return copy_bytes(plan.data[0], plan.data[1], static_cast<size_t>(plan.numel * element));
  if (plan.strides[0][0] == 1 && plan.strides[1][0] > 1)
    for (int d = 1; d < plan.ndim; ++d)
      if (plan.strides[1][d] == 1 && plan.sizes[d] > 3 && plan.sizes[0] > 3 && plan.sizes[0] * plan.sizes[d] < int64_t{1} << 31) {
        switch (element) {
          case 8: return transpose<uint64_t>(plan, d);
          case 4: return transpose<uint32_t>(plan, d);
          case 2: return transpose<uint16_t>(plan, d);
          default: return transpose<uint8_t>(plan, d);
        }
      }
  switch (unit_bytes(plan)) {
    case 16: return move_units<uint4>(plan);
    case 8: return move_units<uint64_t>(plan);
    case 4: return move_units<uint32_t>(plan);
    case 2: return move_units<uint16_t>(plan);
    default: return move_units<uint8_t>(plan);
  }
}

// --- Converting -------------------------------------------------------------------------------------------------------------------

// Thread t converts the elements [4 t, 4 t + 4).
template <class To, class From>
__global__ void __launch_bounds__(kThreads) convert_kernel(To* to, const From* from, int64_t numel) {
  wait_for_kernel_before();
  for (int64_t p = thread_position() * 4; p < numel; p += thread_count() * 4) {
    if (p + 4 <= numel) {
      const auto in = load_pack<4>(from + p);
      Pack<To, 4> out;
#pragma unroll
      for (int v = 0; v < 4; ++v) out[v] = convert_to<To>(in[v]);
      store_pack(to + p, out);
    } else {
      for (int64_t q = p; q < numel; ++q) to[q] = convert_to<To>(from[q]);
    }
  }
}

// Between the types whose conversion is one step in floating point. Returns false for others.
bool convert_flat(const ElementwisePlan<2>& plan) {
  if (!plan.is_flat(0) || !plan.is_flat(1)) return false;
  for (size_t k = 0; k < 2; ++k)
    if (!is_aligned(plan.data[k], 4 * element_size(plan.dtypes[k]))) return false;
  const auto run = [&]<class To, class From>() {
    launch("copy_convert", convert_kernel<To, From>, grid_for(div_up(plan.numel, 4)), kThreads, 0, static_cast<To*>(plan.data[0]),
           static_cast<const From*>(plan.data[1]), plan.numel);
    return true;
  };
  const ScalarType to = plan.dtypes[0], from = plan.dtypes[1];
  if (to == kFloat32 && from == kBFloat16) return run.operator()<float, BFloat16>();
  if (to == kFloat32 && from == kFloat16) return run.operator()<float, Half>();
  if (to == kFloat32 && from == kUInt8) return run.operator()<float, uint8_t>();
  if (to == kFloat32 && from == kBool) return run.operator()<float, bool>();
  if (to == kBFloat16 && from == kFloat32) return run.operator()<BFloat16, float>();
  if (to == kFloat16 && from == kFloat32) return run.operator()<Half, float>();
  return false;
}

// --- Filling ----------------------------------------------------------------------------------------------------------------------

template <class Unit>
__global__ void __launch_bounds__(kThreads) fill_kernel(Unit* to, Unit value, int64_t units, OffsetCalculator<1> offsets) {
  wait_for_kernel_before();
  for (int64_t p = thread_position(); p < units; p += thread_count()) to[offsets(p)[0]] = value;
}

template <class T> void fill_with(const ElementwisePlan<1>& plan, T value) {
  constexpr int V = kPackSize<T>;
  T* to = static_cast<T*>(plan.data[0]);
  if (plan.is_flat(0) && plan.numel % V == 0 && is_aligned(to)) {
    uint4 pattern;
    for (int v = 0; v < V; ++v) std::memcpy(reinterpret_cast<char*>(&pattern) + v * sizeof(T), &value, sizeof(T));
    std::array<std::array<int64_t, kMaxDims>, 1> stride{{{1}}};
    launch("fill_packs", fill_kernel<uint4>, grid_for(plan.numel / V), kThreads, 0, reinterpret_cast<uint4*>(to), pattern,
           plan.numel / V, OffsetCalculator<1>(1, {plan.numel / V}, stride));
  } else {
    launch("fill_elements", fill_kernel<T>, grid_for(plan.numel), kThreads, 0, to, value, plan.numel,
           OffsetCalculator<1>(plan.ndim, plan.sizes, plan.strides));
  }
}

}  // namespace

void copy(const View& out, const View& in) {
  const auto plan = make_plan<2>({&out, &in});
  if (plan.numel == 0) return;
  if (out.dtype == in.dtype) return move(plan);
  if (convert_flat(plan)) return;
  dispatch_arithmetic(compute_type(out, in), [&]<class T>() { run_plain<T>("copy_plain", plan, Identity<T>{}); });
}

void fill(const View& out, FillValue value) {
  const auto plan = make_plan<1>({&out});
  if (plan.numel == 0) return;
  dispatch_all(out.dtype,
               [&]<class T>() { fill_with(plan, value.is_integral ? convert<T>(value.integer) : convert<T>(value.real)); });
}

}  // namespace tessera::kernels::cuda
