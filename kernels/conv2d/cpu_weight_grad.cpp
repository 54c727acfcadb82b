// Fast weight gradient of a convolution: for each tap, the sum over pixels of (input row) outer (output-gradient row).
//
//   sums[tap][ic][oc] = sum over pixels p of input[source pixel of p through tap][ic] * grad_out[p][oc]
//
// The pixels are cut into a number of chunks that depends on the shape alone; each chunk has sums of its own, added in order at
// the end, so no bits depend on the thread count.
//
// Parallel mapping: a task is (chunk, group, range of tap rows, range of panels of output channels); a thread takes a contiguous
// range of tasks. A SIMD lane is an output channel; a register tile is up to 12 input channels x 2 vectors of output channels.
//
// Traffic: a task walks its chunk in blocks of pixels small enough that their input rows stay in L2; the output gradient of a
// block is copied once into panels [pixel][2 vectors], then every tap and input channel reads it from L1 or L2.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d/cpu_weight_grad.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <vector>

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/pack-inl.h"
#include "kernels/matmul/micro_kernel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {

template <class T> class WeightGrad {
 public:
  WeightGrad(const View& grad_weight, const Image<T>& input, const View& grad_out, const Conv2dParams& params, bool fold)
      : grad_weight_(grad_weight),
        input_(input),
        grad_out_(grad_out),
        params_(params),
        fold_(fold),
        in_(grad_weight.sizes[1]),
        out_(grad_out.sizes[1] / params.groups),
        taps_x_(fold ? 1 : grad_weight.sizes[3]),
        depth_(fold ? in_ * grad_weight.sizes[3] : in_),
        panels_((out_ + kPanelWidth<T> - 1) / kPanelWidth<T>),
        padded_out_((panels_ - 1) * kPanelWidth<T> + panel_columns<T>((panels_ - 1) * kPanelWidth<T>, out_)),
        pixels_(grad_out.sizes[0] * grad_out.sizes[2] * grad_out.sizes[3]),
        chunk_sums_(params.groups * grad_weight.sizes[2] * taps_x_ * depth_ * padded_out_),
        chunks_(std::max<int64_t>(
            1, std::min({pixels_ / 1024, int64_t{16}, (int64_t{1} << 22) / std::max<int64_t>(1, chunk_sums_)}))),
        block_pixels_(std::clamp<int64_t>(131072 / std::max<int64_t>(1, depth_), 64, 512)),
        sums_(chunks_ * chunk_sums_) {}

  void run() {
    const std::vector<Task> tasks = make_tasks();
    const int64_t products = pixels_ * chunk_sums_ / static_cast<int64_t>(tasks.size());  // of a task, about
    parallel_for(static_cast<int64_t>(tasks.size()), 1 + kMinProducts / std::max<int64_t>(1, products),
                 [&](int64_t begin, int64_t end) {
                   const Scratch<T> panel(block_pixels_ * padded_out_);
                   std::vector<Segment<T>> segments;
                   for (int64_t t = begin; t < end; ++t) run_task(tasks[t], panel.data(), segments);
                 });
    dispatch_floating(grad_weight_.dtype, [&]<class To>() { add_chunks<To>(); });
  }

 private:
  static constexpr int64_t kWantedTasks = 16;
  static constexpr int64_t kMinProducts = 1 << 19;  // that are worth a thread: some 10 microseconds

  struct Task {
    int64_t group, pixel_begin, pixel_end, chunk, tap_begin, tap_end, panel_begin, panel_end;
  };

  std::vector<Task> make_tasks() const {
    const int64_t kernel_y = grad_weight_.sizes[2];
    const int64_t base = chunks_ * params_.groups;
    const int64_t panel_splits = std::clamp<int64_t>((kWantedTasks + base - 1) / base, 1, panels_);
    const int64_t tap_splits =
        std::clamp<int64_t>((kWantedTasks + base * panel_splits - 1) / (base * panel_splits), 1, std::max<int64_t>(1, kernel_y));
    std::vector<Task> tasks;
    for (int64_t group = 0; group < params_.groups; ++group)
      for (int64_t chunk = 0; chunk < chunks_; ++chunk)
        for (int64_t p = 0; p < panel_splits; ++p)
          for (int64_t t = 0; t < tap_splits; ++t)
            tasks.push_back({group, pixels_ * chunk / chunks_, pixels_ * (chunk + 1) / chunks_, chunk, kernel_y * t / tap_splits,
                             kernel_y * (t + 1) / tap_splits, panels_ * p / panel_splits, panels_ * (p + 1) / panel_splits});
    return tasks;
  }

  T* sums_of(int64_t chunk, int64_t group, int64_t ky, int64_t kx) const {
    const int64_t kernel_y = grad_weight_.sizes[2];
    return sums_.data() + (((chunk * params_.groups + group) * kernel_y + ky) * taps_x_ + kx) * depth_ * padded_out_;
  }

  void run_task(const Task& task, T* panel, std::vector<Segment<T>>& segments) const {
    const int64_t first_column = task.panel_begin * kPanelWidth<T>;
    const int64_t end_column = task.panel_end == panels_ ? padded_out_ : task.panel_end * kPanelWidth<T>;
    for (int64_t ky = task.tap_begin; ky < task.tap_end; ++ky)
      for (int64_t r = 0; r < taps_x_ * depth_; ++r)
        std::fill_n(sums_of(task.chunk, task.group, ky, 0) + r * padded_out_ + first_column, end_column - first_column, T{0});
    for (int64_t begin = task.pixel_begin; begin < task.pixel_end; begin += block_pixels_) {
      const int64_t count = std::min(block_pixels_, task.pixel_end - begin);
      for (int64_t p = task.panel_begin; p < task.panel_end; ++p)
        dispatch_floating(grad_out_.dtype, [&]<class From>() {
          pack_panel<From>(task.group, p, begin, count, panel + (p - task.panel_begin) * kPanelWidth<T> * count);
        });
      for (int64_t ky = task.tap_begin; ky < task.tap_end; ++ky)
        for (int64_t kx = 0; kx < taps_x_; ++kx) {
          T* const sums = sums_of(task.chunk, task.group, ky, kx);
          for (int64_t p = task.panel_begin; p < task.panel_end; ++p) {
            const int64_t column = p * kPanelWidth<T>, columns = panel_columns<T>(column, out_);
            find_segments(task.group, ky, kx, begin, count, panel + (column - first_column) * count, columns, segments);
            if (!segments.empty()) add_tap(segments, columns, sums + column);
          }
        }
    }
  }

  // Rows [pixel][column] of the output gradient; columns beyond the last channel are zero.
  template <class From> void pack_panel(int64_t group, int64_t panel, int64_t begin, int64_t count, T* HWY_RESTRICT to) const {
    const int64_t first = panel * kPanelWidth<T>, columns = panel_columns<T>(first, out_),
                  filled = std::min(columns, out_ - first);
    const auto& s = grad_out_.strides;
    const From* const from = grad_out_.as<From>() + (group * out_ + first) * s[1];
    const int64_t height = grad_out_.sizes[2], width = grad_out_.sizes[3];
    for (int64_t p = begin; p < begin + count;) {
      const int64_t x0 = p % width, run = std::min(width - x0, begin + count - p);
      const From* const row = from + p / width / height * s[0] + p / width % height * s[2] + x0 * s[3];
      T* const rows = to + (p - begin) * columns;
      if (filled == columns && s[1] == 1) {
        for (int64_t x = 0; x < run; ++x)
          for (int64_t c = 0; c < columns; ++c) rows[x * columns + c] = static_cast<T>(row[x * s[3] + c]);
      } else {
        for (int64_t c = 0; c < filled; ++c)
          for (int64_t x = 0; x < run; ++x) rows[x * columns + c] = static_cast<T>(row[x * s[3] + c * s[1]]);
        for (int64_t x = 0; x < run; ++x) std::fill(rows + x * columns + filled, rows + (x + 1) * columns, T{0});
      }
      p += run;
    }
  }

  // The pixels of a block whose source pixel through tap (ky, kx) lies inside the image, as runs along x.
  void find_segments(int64_t group, int64_t ky, int64_t kx, int64_t begin, int64_t count, const T* panel, int64_t columns,
                     std::vector<Segment<T>>& segments) const {
    segments.clear();
    const int64_t height = grad_out_.sizes[2], width = grad_out_.sizes[3], stride = params_.stride[1];
    const int64_t offset_y = ky * params_.dilation[0] - (fold_ ? 0 : params_.padding[0]);
    const int64_t offset_x = kx * params_.dilation[1] - (fold_ ? 0 : params_.padding[1]);
    // Output columns with 0 <= x * stride + offset_x < source width; folded rows are padded, so all of them are inside.
    const int64_t inside_begin = offset_x >= 0 ? 0 : (-offset_x + stride - 1) / stride;
    const int64_t inside_end = fold_ ? width : offset_x >= input_.width ? 0 : (input_.width - 1 - offset_x) / stride + 1;
    for (int64_t p = begin; p < begin + count;) {
      const int64_t x0 = p % width, run = std::min(width - x0, begin + count - p);
      const int64_t y = p / width % height * params_.stride[0] + offset_y;
      const int64_t first = std::max(x0, inside_begin), last = std::min(x0 + run, inside_end);
      if (y >= 0 && y < input_.height && first < last)
        segments.push_back({input_.data + group * in_ + p / width / height * input_.n_stride + y * input_.y_stride +
                                (first * stride + offset_x) * input_.x_stride,
                            panel + (p - begin + first - x0) * columns, last - first});
      p += run;
    }
  }

  // Adds the segments to sums[ic][column], tile by tile of input channels; 16 left over are split evenly rather than 12 + 4.
  void add_tap(const std::vector<Segment<T>>& segments, int64_t columns, T* sums) const {
    for (int64_t i = 0; i < depth_;) {
      const int64_t left = depth_ - i;
      int64_t rows = 1;
      for (int64_t size : {int64_t{kTileRows}, int64_t{kTileRows == 12 ? 8 : 4}, int64_t{4}, int64_t{2}})
        if (left >= size && !(size == 12 && left == 16)) {
          rows = size;
          break;
        }
      const auto run = [&]<int kRows>() {
        const auto n = static_cast<int64_t>(segments.size());
        const int64_t step = params_.stride[1] * input_.x_stride;
        if (columns > kLanes<T>)
          outer_tile<kRows, 2, T>(segments.data(), n, i, step, 0, sums + i * padded_out_, padded_out_);
        else
          outer_tile<kRows, 1, T>(segments.data(), n, i, step, 0, sums + i * padded_out_, padded_out_);
      };
      switch (rows) {
        case kTileRows: run.template operator()<kTileRows>(); break;
        case 8: run.template operator()<8>(); break;
        case 4: run.template operator()<4>(); break;
        case 2: run.template operator()<2>(); break;
        default: run.template operator()<1>();
      }
      i += rows;
    }
  }

  // grad_weight[oc][ic][ky][kx] = sum over chunks, in order. A unit of work is a cache line of output channels and a few input
  // channels, summed in a small buffer, so that sums are read and results are written as neighbours.
  template <class To> void add_chunks() const {
    constexpr int64_t kLine = 16;
    const int64_t kernel_y = grad_weight_.sizes[2], kernel_x = grad_weight_.sizes[3], taps = kernel_y * kernel_x;
    const int64_t block = std::clamp<int64_t>(64 / std::max<int64_t>(1, taps), 1, 8), blocks = (in_ + block - 1) / block;
    const int64_t lines = (out_ + kLine - 1) / kLine;
    const auto& s = grad_weight_.strides;
    parallel_for(params_.groups * lines * blocks, 1 + 16384 / std::max<int64_t>(1, chunks_ * taps * block * kLine),
                 [&](int64_t begin, int64_t end) {
                   const Scratch<T> totals(block * taps * kLine);  // [input channel][tap][output channel]
                   for (int64_t unit = begin; unit < end; ++unit) {
                     const int64_t first_in = unit % blocks * block, ins = std::min(block, in_ - first_in);
                     const int64_t first = unit / blocks % lines * kLine, group = unit / blocks / lines,
                                   count = std::min(kLine, out_ - first);
                     for (int64_t ky = 0; ky < kernel_y; ++ky)
                       for (int64_t kx = 0; kx < kernel_x; ++kx)
                         for (int64_t chunk = 0; chunk < chunks_; ++chunk) {
                           const int64_t row = fold_ ? kx * in_ + first_in : first_in;
                           const T* from = sums_of(chunk, group, ky, fold_ ? 0 : kx) + row * padded_out_ + first;
                           T* total = totals.data() + (ky * kernel_x + kx) * kLine;
                           for (int64_t i = 0; i < ins; ++i, from += padded_out_, total += taps * kLine)
                             for (int64_t c = 0; c < count; ++c) total[c] = chunk == 0 ? from[c] : total[c] + from[c];
                         }
                     for (int64_t c = 0; c < count; ++c) {
                       const T* total = totals.data() + c;
                       for (int64_t i = 0; i < ins; ++i) {
                         To* const to = grad_weight_.as<To>() + (group * out_ + first + c) * s[0] + (first_in + i) * s[1];
                         for (int64_t ky = 0; ky < kernel_y; ++ky)
                           for (int64_t kx = 0; kx < kernel_x; ++kx, total += kLine)
                             to[ky * s[2] + kx * s[3]] = static_cast<To>(*total);
                       }
                     }
                   }
                 });
  }

  const View& grad_weight_;
  const Image<T>& input_;
  const View& grad_out_;
  const Conv2dParams& params_;
  bool fold_;               // the taps of a kernel row are one tap of KW * IC values (see fold_kernel_rows)
  int64_t in_, out_;        // channels a group
  int64_t taps_x_, depth_;  // taps along x, values a tap reads
  int64_t panels_, padded_out_;
  int64_t pixels_;  // of the output, over all images
  int64_t chunk_sums_, chunks_, block_pixels_;
  Scratch<T> sums_;  // [chunk][group][ky][kx][value][output channel]
};

void weight_grad(const View& grad_weight, const View& input, const View& grad_out, const Conv2dParams& params) {
  dispatch_compute(grad_weight.dtype, [&]<class T>() {
    const bool fold = fold_kernel_rows(grad_weight.sizes[1], grad_weight.sizes[3], params.dilation[1], params.groups);
    const Image<T> image(input, params.padding[0], params.padding[1], fold);
    WeightGrad<T>(grad_weight, image, grad_out, params, fold).run();
  });
}

}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(weight_grad);

namespace cpu {

void conv2d_weight_grad(const View& grad_weight, const View& input, const View& grad_out, const Conv2dParams& params) {
  if (grad_weight.numel() == 0) return;
  HWY_DYNAMIC_DISPATCH(weight_grad)(grad_weight, input, grad_out, params);
}

}  // namespace cpu
}  // namespace tessera::kernels
#endif  // HWY_ONCE
