// The kernels that run an op over lines (cuda_lines.h), and the choice between them. For .cu files.
#pragma once

#include "kernels/softmax/cuda_row_lines.h"

namespace tessera::kernels::cuda {

// --- Kernels ------------------------------------------------------------------------------------------------------------------------

// Lines of more than kLeast and at most kMax classes; a thread has kPixels adjacent pixels.
template <class S, int K, int kLeast, int kMax, int kPixels, class Op> __global__ void __launch_bounds__(kThreads, Op::kBlocks)
    plane_lines_kernel(ClassLines<K> lines, Op op) {
  wait_for_kernel_before();
  using C = compute_t<S>;
  typename Op::State state = Op::begin();
  for (int64_t group = thread_position(); group < lines.pixels / kPixels; group += thread_count()) {
    typename Op::Extra extra[kPixels];
#pragma unroll
    for (int p = 0; p < kPixels; ++p) extra[p] = op.load(group * kPixels + p);
    const auto at = lines.offsets(group);
    HeldLine<S, K - 1, kMax> line[kPixels];
#pragma unroll
    for (int k = 1; k < K; ++k) {
      const S* from = static_cast<const S*>(lines.data[k]) + at[k];
      Pack<S, kPixels> stored[kMax];
      // Without branches, so that all are in flight: places beyond the classes read the last class again.
#pragma unroll
      for (int j = 0; j < kMax; ++j)
        stored[j] = load_pack<kPixels>(from + (j <= kLeast ? j : min(j, lines.classes - 1)) * lines.class_steps[k]);
#pragma unroll
      for (int j = 0; j < kMax; ++j)
#pragma unroll
        for (int p = 0; p < kPixels; ++p)
          line[p].values[k - 1][j] = j <= kLeast || j < lines.classes ? convert_to<C>(stored[j][p]) : padding<Op, C>();
    }
#pragma unroll
    for (int p = 0; p < kPixels; ++p) {
      line[p].classes = lines.classes;
      line[p].source = static_cast<const S*>(lines.data[1]) + at[1] + p;
      line[p].step = lines.class_steps[1];
      op(line[p], extra[p], group * kPixels + p, state);
    }
    if constexpr (Op::kWrites) {
      S* to = static_cast<S*>(lines.data[0]) + at[0];
#pragma unroll
      for (int j = 0; j < kMax; ++j) {
        if (j > kLeast && j >= lines.classes) continue;
        Pack<S, kPixels> out;
#pragma unroll
        for (int p = 0; p < kPixels; ++p)
          out[p] = convert_to<S>(j == line[p].set_class ? line[p].set_value : line[p].values[0][j]);
        store_pack(to + j * lines.class_steps[0], out);
      }
    }
  }
  op.finish(state);
}

template <class S, int K, int kTeam, class Op> __global__ void __launch_bounds__(kThreads)
    memory_lines_kernel(ClassLines<K> lines, Op op) {
  wait_for_kernel_before();
  typename Op::State state = Op::begin();
  // All threads of a team go round together: kTeam divides a warp.
  for (int64_t pixel = thread_position() / kTeam; pixel < lines.pixels; pixel += thread_count() / kTeam) {
    const auto at = lines.offsets(pixel);
    MemoryLine<S, K, kTeam> line;
#pragma unroll
    for (int k = 0; k < K; ++k) line.at[k] = static_cast<S*>(lines.data[k]) + at[k];
    line.steps = lines.class_steps;
    line.classes = lines.classes;
    line.first = static_cast<int>(threadIdx.x) % kTeam;
    op(line, op.load(pixel), pixel, state);
  }
  op.finish(state);
}

// --- Launching ----------------------------------------------------------------------------------------------------------------------

template <class S, int K, int kLeast, int kMax, class Op>
int64_t run_plane_lines(const char* name, const ClassLines<K>& lines, const MergedAxes<K>& axes, bool pairs, const Op& op) {
  const auto grid = [](int64_t threads) { return dim3(static_cast<unsigned>(line_blocks(threads))); };
  if constexpr (sizeof(S) == 2) {
    if (pairs) {
      ClassLines<K> in_pairs = lines;
      in_pairs.offsets = axes.offsets().in_packs(2);
      launch(name, plane_lines_kernel<S, K, kLeast, kMax, 2, Op>, grid(lines.pixels / 2), kThreads, 0, in_pairs, op);
      return line_blocks(lines.pixels / 2);
    }
  }
  launch(name, plane_lines_kernel<S, K, kLeast, kMax, 1, Op>, grid(lines.pixels), kThreads, 0, lines, op);
  return line_blocks(lines.pixels);
}

// Runs op over the classes (dimension `dim`) of views of one dtype S, the output first. Where an op has no output, an input stands in
// its place. row_major: pixels are numbered in logical order. Returns the number of blocks.
template <class S, size_t K, class Op>
int64_t run_lines(const char* name, const std::array<const View*, K>& views, int dim, bool row_major, const Op& op) {
  constexpr int kOperands = static_cast<int>(K);
  const MergedAxes<K> axes = merged_axes(views, OtherDims(*views[1], dim, row_major));
  ClassLines<kOperands> lines;
  lines.classes = static_cast<int>(views[0]->sizes[dim]);
  lines.pixels = axes.numel();
  lines.offsets = axes.offsets();
  bool adjacent = true, rows = axes.count == 1, pairs = axes.sizes[0] % 2 == 0;
  for (size_t k = Op::kWrites ? 0 : 1; k < K; ++k) {
    const int64_t step = views[k]->strides[dim], inner = axes.strides[k][0];
    lines.data[k] = views[k]->data;
    lines.class_steps[k] = step;
    adjacent = adjacent && step == 1;
    rows = rows && step == 1 && inner == lines.classes && is_aligned(views[k]->data);
    pairs = pairs && inner == 1 && step % 2 == 0 && axes.outer_strides_are_multiples(k, 2) && is_aligned(views[k]->data, 4);
  }
  if constexpr (std::is_same_v<S, float> || std::is_same_v<S, BFloat16>) {
    if (rows && lines.classes <= kMostHeldClasses) return run_row_lines<S>(name, lines, op);
    if (lines.classes <= 8) return run_plane_lines<S, kOperands, 0, 8>(name, lines, axes, pairs, op);
    if (lines.classes <= 16) return run_plane_lines<S, kOperands, 8, 16>(name, lines, axes, pairs, op);
    if (lines.classes <= kMostHeldClasses)
      return run_plane_lines<S, kOperands, 16, kMostHeldClasses>(name, lines, axes, pairs, op);
  }
  const auto run = [&]<int kTeam>() {
    const int64_t blocks = line_blocks(lines.pixels * kTeam);
    launch(name, memory_lines_kernel<S, kOperands, kTeam, Op>, dim3(static_cast<unsigned>(blocks)), kThreads, 0, lines, op);
    return blocks;
  };
  return adjacent && lines.classes > 8 ? run.template operator()<kWarp>() : run.template operator()<1>();
}

}  // namespace tessera::kernels::cuda
