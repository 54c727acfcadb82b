// Separable resampling on the CPU, in two passes an output row.
//
// Mapping: a thread takes output rows of planes (planes.h). Pass one sums the weighted input rows into one line, which stays in
// the cache; a SIMD lane is a value of the flat row, so any channel count fills the vectors. Pass two sums the line's weighted
// pixels; a SIMD lane is a channel (channels-last). NCHW has one channel a plane: there pass two goes through the taps of each
// pixel. Traffic: each output is written once; an input row is read once from memory, and from the cache by the neighbouring
// output rows. Accuracy: four taps are summed before they join the running sum, so long windows keep short chains.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/resample/cpu.cpp"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "kernels/parallel.h"
#include "kernels/planes.h"
#include "kernels/resample/resample.h"
#include "kernels/scratch.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

// The taps of one output: `count` indices with their weights in the compute type.
template <class C> struct Taps {
  const int32_t* index;
  const C* weight;
  int64_t count;
};

template <class C> class TapTable {
 public:
  explicit TapTable(const AxisTaps& taps) : taps_(taps), weights_(static_cast<int64_t>(taps.weight.size())) {
    std::copy(taps.weight.begin(), taps.weight.end(), weights_.data());
  }
  Taps<C> operator[](int64_t output) const {
    const int32_t first = taps_.start[static_cast<size_t>(output)], last = taps_.start[static_cast<size_t>(output) + 1];
    return {taps_.index.data() + first, weights_.data() + first, last - first};
  }

 private:
  const AxisTaps& taps_;
  Scratch<C> weights_;
};

// out[j] (+)= the sum of K weighted lines at base + index * pitch, for j < n.
template <int K, bool kAdd, class C, class Out, class In>
void sum_lines(Out* HWY_RESTRICT out, const In* base, int64_t pitch, const Taps<C>& taps, int64_t n) {
  const In* line[4];
  C w[4] = {};
  for (int k = 0; k < 4; ++k) line[k] = base + taps.index[std::min(k, K - 1)] * pitch;
  for (int k = 0; k < K; ++k) w[k] = taps.weight[k];
  for (int64_t j = 0; j < n; ++j) {
    C sum = w[0] * C(line[0][j]);
    if constexpr (K > 1) sum += w[1] * C(line[1][j]);
    if constexpr (K > 2) {
      C pair = w[2] * C(line[2][j]);
      if constexpr (K > 3) pair += w[3] * C(line[3][j]);
      sum += pair;
    }
    out[j] = Out(kAdd ? C(out[j]) + sum : sum);
  }
}

template <bool kAdd, class C, class Out, class In>
void sum_few_lines(Out* out, const In* base, int64_t pitch, const Taps<C>& taps, int64_t n) {
  switch (taps.count) {
    case 1: return sum_lines<1, kAdd>(out, base, pitch, taps, n);
    case 2: return sum_lines<2, kAdd>(out, base, pitch, taps, n);
    case 3: return sum_lines<3, kAdd>(out, base, pitch, taps, n);
    default: return sum_lines<4, kAdd>(out, base, pitch, taps, n);
  }
}

// out[j] = the weighted sum of all lines of `taps`. `sums` [n] holds running sums where Out is a half type.
template <class C, class Out, class In>
void sum_all_lines(Out* out, C* sums, const In* base, int64_t pitch, Taps<C> taps, int64_t n) {
  if (taps.count == 0) {
    std::fill_n(out, n, Out(C{0}));
    return;
  }
  if (taps.count <= 4) return sum_few_lines<false>(out, base, pitch, taps, n);
  if constexpr (std::is_same_v<Out, C>) sums = out;
  sum_lines<4, false>(sums, base, pitch, taps, n);
  for (int64_t rest = taps.count - 4; rest > 0; rest -= 4) {
    taps = {taps.index + 4, taps.weight + 4, std::min<int64_t>(rest, 4)};
    sum_few_lines<true>(sums, base, pitch, taps, n);
  }
  if constexpr (!std::is_same_v<Out, C>)
    for (int64_t j = 0; j < n; ++j) out[j] = Out(sums[j]);
}

// Pass two for planes of one channel.
template <class C, class Out, class In> void sum_pixels(Out* out, const In* line, const TapTable<C>& columns, int64_t n) {
  for (int64_t o = 0; o < n; ++o) {
    const Taps<C> taps = columns[o];
    C sum = 0;
    for (int64_t k = 0; k < taps.count; ++k) sum += taps.weight[k] * C(line[taps.index[k]]);
    out[o] = Out(sum);
  }
}

template <class C, class Out, class In>
void sum_row(Out* out, C* sums, const In* line, const TapTable<C>& columns, int64_t n, int64_t channels) {
  if (channels == 1) return sum_pixels(out, line, columns, n);
  for (int64_t o = 0; o < n; ++o) sum_all_lines(out + o * channels, sums, line, channels, columns[o], channels);
}

template <class T>
void resample(const View& out, const View& in, const AxisTaps& row_taps, const AxisTaps& column_taps, Planes planes) {
  using C = compute_t<T>;
  constexpr int64_t kTile = 1024;  // values of the line that are summed over all rows before the next ones: they stay in L1
  const int64_t height = in.sizes[2], pitch = in.sizes[3] * planes.channels;
  const int64_t out_height = out.sizes[2], out_width = out.sizes[3], out_pitch = out_width * planes.channels;
  const TapTable<C> rows(row_taps), columns(column_taps);
  parallel_for(planes.count * out_height, std::max<int64_t>(1, 16384 / (pitch + out_pitch)),
               [&](int64_t begin, int64_t end) HWY_ATTR {
                 const Scratch<C> line(pitch), sums(planes.channels);
                 for (int64_t r = begin; r < end; ++r) {
                   const T* plane = in.as<T>() + r / out_height * height * pitch;
                   T* out_row = out.as<T>() + r * out_pitch;
                   const Taps<C> taps = rows[r % out_height];
                   if (taps.count == 1 && taps.weight[0] == 1) {
                     sum_row(out_row, sums.data(), plane + taps.index[0] * pitch, columns, out_width, planes.channels);
                     continue;
                   }
                   for (int64_t j = 0; j < pitch; j += kTile) {
                     sum_all_lines(line.data() + j, sums.data(), plane + j, pitch, taps, std::min(kTile, pitch - j));
                   }
                   sum_row(out_row, sums.data(), line.data(), columns, out_width, planes.channels);
                 }
               });
}

void resample_any(const View& out, const View& in, const AxisTaps& rows, const AxisTaps& columns, Planes planes) {
  dispatch_floating(in.dtype, [&]<class T>() HWY_ATTR { resample<T>(out, in, rows, columns, planes); });
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

AxisTaps transposed(const AxisTaps& taps, int64_t in_size) {
  AxisTaps result;
  result.start.assign(static_cast<size_t>(in_size) + 1, 0);
  result.index.resize(taps.index.size());
  result.weight.resize(taps.weight.size());
  for (const int32_t i : taps.index) ++result.start[static_cast<size_t>(i) + 1];
  for (size_t i = 0; i < static_cast<size_t>(in_size); ++i) result.start[i + 1] += result.start[i];
  std::vector<int32_t> next = result.start;
  for (int64_t o = 0; o < taps.outputs(); ++o)
    for (auto k = static_cast<size_t>(taps.start[static_cast<size_t>(o)]);
         k < static_cast<size_t>(taps.start[static_cast<size_t>(o) + 1]); ++k) {
      const auto slot = static_cast<size_t>(next[static_cast<size_t>(taps.index[k])]++);
      result.index[slot] = static_cast<int32_t>(o);
      result.weight[slot] = taps.weight[k];
    }
  return result;
}

namespace cpu {

HWY_EXPORT(resample_any);

bool resample(const View& out, const View& in, const AxisTaps& rows, const AxisTaps& columns) {
  const auto planes = common_planes({&in, &out});
  if (!planes) return false;
  if (out.numel() > 0) HWY_DYNAMIC_DISPATCH(resample_any)(out, in, rows, columns, *planes);
  return true;
}

}  // namespace cpu
}  // namespace tessera::kernels
#endif
