// Separable resampling on the CPU, in two passes an output row.
//
// Mapping: a thread takes output rows of planes (planes.h). Pass one sums the weighted input rows into one line, which stays in
// the cache; a SIMD lane is a value of the flat row, so any channel count fills the vectors. Pass two sums the line's weighted
// pixels; a SIMD lane is a channel (channels-last). NCHW has one channel a plane: there a lane is an output column where the taps
// repeat with a small period, as they do for all factors of 2; elsewhere each output goes through its taps.
//
// Traffic: each output is written once; an input row is read once from memory, and from the cache by the neighbouring output
// rows.
//
// Accuracy: four taps are summed before they join the running sum, so long windows keep short chains.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/resample/cpu.cpp"
#include <array>

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
  int64_t outputs() const { return taps_.outputs(); }
  Taps<C> operator[](int64_t output) const {
    const int32_t first = taps_.start[static_cast<size_t>(output)], last = taps_.start[static_cast<size_t>(output) + 1];
    return {taps_.index.data() + first, weights_.data() + first, last - first};
  }

 private:
  const AxisTaps& taps_;
  Scratch<C> weights_;
};

// The outputs [begin, end) around the middle of an axis whose taps repeat with a period of `phases` outputs and `step` inputs: in
// the interior of an image most resampling does. With them, pass two reads and writes at constant strides instead of looking up
// indices.
template <class C> struct PeriodicTaps {
  int64_t phases = 1, step = 1, count = 0, begin = 0, end = 0;

  PeriodicTaps() = default;

  // Leaves an empty range unless the taps in the middle have this period and `count` taps each.
  PeriodicTaps(const TapTable<C>& taps, int64_t phases_, int64_t step_, int64_t count_)
      : phases(phases_), step(step_), count(count_) {
    const int64_t outputs = taps.outputs(), middle = outputs / 2;
    const auto follows = [&](int64_t o) {  // output o + phases has the taps of output o, shifted by step
      const Taps<C> a = taps[o], b = taps[o + phases];
      if (a.count != count || b.count != count) return false;
      for (int64_t k = 0; k < count; ++k)
        if (b.index[k] != a.index[k] + step || b.weight[k] != a.weight[k]) return false;
      return true;
    };
    if (middle + phases >= outputs || !follows(middle)) return;
    int64_t first = middle, last = middle + 1;  // follows(o) for all o in [first, last)
    while (first > 0 && follows(first - 1)) --first;
    while (last + phases < outputs && follows(last)) ++last;
    if (last - first < phases) return;  // not each phase has been seen
    begin = first;
    end = begin + (last + phases - begin) / phases * phases;
  }
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

// Pass two for planes of one channel: out[o] for the outputs [begin, end), tap by tap.
template <class C, class Out, class In>
void sum_pixels(Out* out, const In* line, const TapTable<C>& columns, int64_t begin, int64_t end) {
  for (int64_t o = begin; o < end; ++o) {
    const Taps<C> taps = columns[o];
    C sum = 0;
    for (int64_t k = 0; k < taps.count; ++k) sum += taps.weight[k] * C(line[taps.index[k]]);
    out[o] = Out(sum);
  }
}

// The same for periodic taps whose numbers the compiler knows: a SIMD lane is a period.
template <int kPhases, int kStep, int kCount, class C, class Out, class In>
void sum_periods(Out* HWY_RESTRICT out, const In* HWY_RESTRICT line, const TapTable<C>& columns, int64_t begin, int64_t end) {
  const In* in[kPhases][kCount];
  C weight[kPhases][kCount];
  for (int p = 0; p < kPhases; ++p)
    for (int k = 0; k < kCount; ++k) {
      in[p][k] = line + columns[begin + p].index[k];
      weight[p][k] = columns[begin + p].weight[k];
    }
  Out* HWY_RESTRICT target = out + begin;
  const int64_t periods = (end - begin) / kPhases;
  for (int64_t m = 0; m < periods; ++m)
    for (int p = 0; p < kPhases; ++p) {
      C sum = weight[p][0] * C(in[p][0][m * kStep]);
      for (int k = 1; k < kCount; ++k) sum += weight[p][k] * C(in[p][k][m * kStep]);
      target[m * kPhases + p] = Out(sum);
    }
}

// Pass two with its column taps: chosen once a tensor, run once a row.
template <class C> class Columns {
 public:
  explicit Columns(const AxisTaps& taps) : taps_(taps) {
    // Up-sampling by 2 (bilinear, nearest), down-sampling by 2 and its average, the gradient of bilinear up-sampling by 2.
    for (const auto& [phases, step, count] : {std::array{2, 1, 2}, {2, 1, 1}, {1, 2, 2}, {1, 2, 4}}) {
      const PeriodicTaps<C> periodic(taps_, phases, step, count);
      if (periodic.end - periodic.begin > periodic_.end - periodic_.begin) periodic_ = periodic;
    }
  }

  template <class Out, class In> void sum_row(Out* out, C* sums, const In* line, int64_t channels) const {
    const int64_t n = taps_.outputs();
    if (channels > 1) {
      for (int64_t o = 0; o < n; ++o) sum_all_lines(out + o * channels, sums, line, channels, taps_[o], channels);
      return;
    }
    const auto [phases, step, count, begin, end] = periodic_;
    sum_pixels(out, line, taps_, 0, begin);
    if (begin < end) {
      if (phases == 2 && count == 2)
        sum_periods<2, 1, 2>(out, line, taps_, begin, end);
      else if (phases == 2)
        sum_periods<2, 1, 1>(out, line, taps_, begin, end);
      else if (count == 2)
        sum_periods<1, 2, 2>(out, line, taps_, begin, end);
      else
        sum_periods<1, 2, 4>(out, line, taps_, begin, end);
    }
    sum_pixels(out, line, taps_, end, n);
  }

 private:
  TapTable<C> taps_;
  PeriodicTaps<C> periodic_;
};

template <class T>
void resample(const View& out, const View& in, const AxisTaps& row_taps, const AxisTaps& column_taps, Planes planes) {
  using C = compute_t<T>;
  constexpr int64_t kTile = 1024;  // values of the line that are summed over all rows before the next ones: they stay in L1
  const int64_t height = in.sizes[2], pitch = in.sizes[3] * planes.channels;
  const int64_t out_height = out.sizes[2], out_width = out.sizes[3], out_pitch = out_width * planes.channels;
  const TapTable<C> rows(row_taps);
  const Columns<C> columns(column_taps);
  parallel_for(planes.count * out_height, std::max<int64_t>(1, 16384 / (pitch + out_pitch)),
               [&](int64_t begin, int64_t end) HWY_ATTR {
                 const Scratch<C> line(pitch), sums(planes.channels);
                 for (int64_t r = begin; r < end; ++r) {
                   const T* plane = in.as<T>() + r / out_height * height * pitch;
                   T* out_row = out.as<T>() + r * out_pitch;
                   const Taps<C> taps = rows[r % out_height];
                   if (taps.count == 1 && taps.weight[0] == 1) {
                     columns.sum_row(out_row, sums.data(), plane + taps.index[0] * pitch, planes.channels);
                     continue;
                   }
                   for (int64_t j = 0; j < pitch; j += kTile) {
                     sum_all_lines(line.data() + j, sums.data(), plane + j, pitch, taps, std::min(kTile, pitch - j));
                   }
                   columns.sum_row(out_row, sums.data(), line.data(), planes.channels);
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
