// Fast convolution forward and input gradient: implicit matrix product over channels-last rows, without an im2col buffer.
//
// Both passes gather. An output pixel sums, over a list of taps, a row of input channels times a [channels in, channels out]
// matrix of weights; the rows are found through a table of pointers ("indirect convolution", Dukhan, arXiv:1907.02129), where
// taps outside the image point to a row of zeros (so an infinite weight gives NaN at a padded border). Forward: pixel (oy, ox)
// reads source pixel oy * stride - padding + ky * dilation. Input gradient: pixels of one phase (y mod stride, x mod stride) all
// meet the same taps, and read source pixel (y + padding - ky * dilation) / stride; so a stride-s gradient is s * s small
// convolutions of stride 1.
//
// Parallel mapping: a task is up to 8 tiles of kTileRows pixels times some panels of output channels; a thread takes a contiguous
// range of tasks. A SIMD lane is an output channel. Each sum is formed by one task in a fixed order: no bits depend on threads.
//
// Traffic: weights are packed once a call into panels [tap][channel in][2 vectors of channels out]; a task streams each panel
// once (from L2 or L3) against source rows that stay in L1 and L2; each output is written once (again after every 192 products).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d/cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <vector>

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/gather_axis.h"
#include "kernels/conv2d/pack-inl.h"
#include "kernels/matmul/micro_kernel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {

// Weights as the gather sees them: element (channel in i, channel out o, ky, kx) of a group at these strides.
struct WeightStrides {
  int64_t in, out, y, x, group;
};

struct GatherShape {
  std::vector<GatherAxis> y, x;
  int64_t groups, in, out;  // channels a group
  int64_t fold;             // kernel positions along x that are read as one tap (1: none)
  WeightStrides weight;
};

template <class T> class Gather {
 public:
  Gather(const View& out, const Image<T>& source, const View& weight, const View* bias, const GatherShape& shape)
      : out_(out),
        source_(source),
        weight_(weight),
        shape_(shape),
        depth_(shape.in * shape.fold),
        panels_((shape.out + kPanelWidth<T> - 1) / kPanelWidth<T>),
        padded_out_((panels_ - 1) * kPanelWidth<T> + panel_columns<T>((panels_ - 1) * kPanelWidth<T>, shape.out)),
        zeros_(depth_),
        bias_(shape.groups * panels_ * kPanelWidth<T>),
        packed_(packed_size()) {
    std::fill_n(zeros_.data(), depth_, T{0});
    pack_bias(bias);
    pack_weights();
  }

  void run() {
    const std::vector<Task> tasks = make_tasks();
    const int64_t products = tile_pixels_ * max_taps_ * depth_ * padded_out_;  // of a task, at most
    parallel_for(static_cast<int64_t>(tasks.size()), 1 + kMinProducts / std::max<int64_t>(1, products),
                 [&](int64_t begin, int64_t end) {
                   Work work(max_taps_ * tile_pixels_, tile_pixels_);
                   for (int64_t t = begin; t < end; ++t) run_task(tasks[t], work);
                 });
  }

 private:
  static constexpr int64_t kMinProducts = 1 << 19;  // that are worth a thread: some 10 microseconds
  static constexpr int64_t kMaxDepth = 192;         // products a register tile sums before it is added to the output

  struct Task {
    int64_t group, y, x, pixel, panel_begin, panel_end;
  };

  // What a thread needs for a task: pointers to source rows [tap][pixel], output places, and a tile for outputs that cannot be
  // written in place.
  struct Work {
    Work(int64_t rows_count, int64_t pixels)
        : rows(rows_count), out(pixels), position(pixels), tile(pixels * kPanelWidth<T>), sink(kPanelWidth<T>) {}
    Scratch<const T*> rows;
    Scratch<T*> out;
    Scratch<int64_t> position;
    Scratch<T> tile, sink;
  };

  int64_t axis_taps(const std::vector<GatherAxis>& axes, int64_t i) const { return static_cast<int64_t>(axes[i].taps.size()); }

  int64_t packed_size() {
    for (size_t y = 0; y < shape_.y.size(); ++y)
      for (size_t x = 0; x < shape_.x.size(); ++x) {
        const int64_t taps = axis_taps(shape_.y, y) * axis_taps(shape_.x, x);
        phase_start_.push_back(phase_start_.empty() ? 0 : packed_group_);
        packed_group_ += taps * depth_ * padded_out_;
        max_taps_ = std::max(max_taps_, taps);
      }
    return shape_.groups * packed_group_;
  }

  const T* phase_weights(int64_t group, int64_t y, int64_t x) const {
    return packed_.data() + group * packed_group_ + phase_start_[y * static_cast<int64_t>(shape_.x.size()) + x];
  }

  void pack_bias(const View* bias) {
    const int64_t padded = panels_ * kPanelWidth<T>;
    std::fill_n(bias_.data(), shape_.groups * padded, T{0});
    if (bias == nullptr) return;
    dispatch_floating(bias->dtype, [&]<class From>() {
      for (int64_t c = 0; c < shape_.groups * shape_.out; ++c)
        bias_[c / shape_.out * padded + c % shape_.out] = static_cast<T>(bias->as<From>()[c * bias->strides[0]]);
    });
  }

  // Panels of weights, [group][phase][panel][tap][channel in][column]; columns beyond the last channel are zero.
  // A unit of work is a panel and a few input channels: all their taps are read as they lie, and
  // sorted in a small buffer: written straight to the panels they would all fall into one set of the cache.
  void pack_weights() {
    struct Place {
      int64_t from, phase_start, phase_rows, row;
    };
    std::vector<Place> places;  // of the weights of one pair of channels
    const WeightStrides& s = shape_.weight;
    for (size_t phase = 0; phase < phase_start_.size(); ++phase) {
      const GatherAxis &y = shape_.y[phase / shape_.x.size()], &x = shape_.x[phase % shape_.x.size()];
      int64_t row = 0;
      for (const GatherAxis::Tap& ty : y.taps)
        for (const GatherAxis::Tap& tx : x.taps)
          for (int64_t f = 0; f < shape_.fold; ++f, row += shape_.in)
            places.push_back({ty.kernel * s.y + (tx.kernel + f) * s.x, phase_start_[phase],
                              static_cast<int64_t>(y.taps.size() * x.taps.size()) * depth_, row});
    }
    const int64_t count = static_cast<int64_t>(places.size());
    const int64_t block = std::clamp<int64_t>(64 / std::max<int64_t>(1, count), 1, 8), blocks = (shape_.in + block - 1) / block;
    dispatch_floating(weight_.dtype, [&]<class From>() {
      parallel_for(
          shape_.groups * panels_ * blocks, 1 + 16384 / std::max<int64_t>(1, count * block * kPanelWidth<T>),
          [&](int64_t begin, int64_t end) {
            const Scratch<T> staged(count * block * kPanelWidth<T>);  // [tap][channel in][column]
            for (int64_t unit = begin; unit < end; ++unit) {
              const int64_t first_in = unit % blocks * block, ins = std::min(block, shape_.in - first_in);
              const int64_t panel = unit / blocks % panels_, group = unit / blocks / panels_, first = panel * kPanelWidth<T>;
              const int64_t columns = panel_columns<T>(first, shape_.out), filled = std::min(columns, shape_.out - first);
              for (int64_t o = 0; o < columns; ++o)
                for (int64_t i = 0; i < ins; ++i) {
                  const From* const from = weight_.as<From>() + group * s.group + (first + o) * s.out + (first_in + i) * s.in;
                  T* const to = staged.data() + i * columns + o;
                  if (o < filled)
                    for (int64_t t = 0; t < count; ++t) to[t * ins * columns] = static_cast<T>(from[places[t].from]);
                  else
                    for (int64_t t = 0; t < count; ++t) to[t * ins * columns] = T{0};
                }
              T* const packed = packed_.data() + group * packed_group_;
              for (int64_t t = 0; t < count; ++t)
                std::copy_n(staged.data() + t * ins * columns, ins * columns,
                            packed + places[t].phase_start + places[t].phase_rows * first + (places[t].row + first_in) * columns);
            }
          });
    });
  }

  // Tasks in the order that keeps memory close: the phases of one row of outputs follow each other.
  std::vector<Task> make_tasks() {
    const int64_t images = out_.sizes[0], threads = omp_get_max_threads();
    const int64_t pixels = images * out_.sizes[2] * out_.sizes[3] * shape_.groups;
    tile_pixels_ = kTileRows * std::clamp<int64_t>(pixels / (kTileRows * 4 * threads), 1, 8);
    const int64_t pixel_tasks = std::max<int64_t>(1, pixels / tile_pixels_);
    const int64_t splits = std::clamp<int64_t>(4 * threads / pixel_tasks, 1, panels_);
    std::vector<Task> tasks;
    for (int64_t group = 0; group < shape_.groups; ++group)
      for (size_t y = 0; y < shape_.y.size(); ++y)
        for (int64_t pixel = 0; pixel < images * shape_.y[y].count * shape_.x[0].count; pixel += tile_pixels_)
          for (size_t x = 0; x < shape_.x.size(); ++x)
            for (int64_t s = 0; s < splits; ++s)
              if (pixel < images * shape_.y[y].count * shape_.x[x].count)
                tasks.push_back({group, static_cast<int64_t>(y), static_cast<int64_t>(x), pixel, panels_ * s / splits,
                                 panels_ * (s + 1) / splits});
    return tasks;
  }

  // Fills the pointers of up to tile_pixels_ pixels from task.pixel on; returns how many there are.
  int64_t find_rows(const Task& task, Work& work) const {
    const GatherAxis &ay = shape_.y[task.y], &ax = shape_.x[task.x];
    const int64_t count = std::min(tile_pixels_, out_.sizes[0] * ay.count * ax.count - task.pixel);
    const T* const base = source_.data + task.group * shape_.in;
    int64_t i = task.pixel % ax.count, j = task.pixel / ax.count % ay.count, n = task.pixel / ax.count / ay.count;
    for (int64_t p = 0; p < count; ++p) {
      work.position[p] =
          n * out_.strides[0] + (ay.first + j * ay.step) * out_.strides[2] + (ax.first + i * ax.step) * out_.strides[3];
      const T** to = work.rows.data() + p;
      for (const GatherAxis::Tap& ty : ay.taps) {
        const int64_t y = j * ay.scale + ty.offset;
        const bool y_inside = y >= 0 && y < source_.height;
        const T* const row = base + n * source_.n_stride + y * source_.y_stride;
        for (const GatherAxis::Tap& tx : ax.taps) {
          const int64_t x = i * ax.scale + tx.offset;
          *to = y_inside && x >= 0 && x < source_.width ? row + x * source_.x_stride : zeros_.data();
          to += tile_pixels_;
        }
      }
      if (++i == ax.count) {
        i = 0;
        if (++j == ay.count) j = 0, ++n;
      }
    }
    const int64_t taps = static_cast<int64_t>(ay.taps.size() * ax.taps.size());
    for (int64_t t = 0; t < taps; ++t)
      std::fill(work.rows.data() + t * tile_pixels_ + count, work.rows.data() + (t + 1) * tile_pixels_, zeros_.data());
    return count;
  }

  void run_task(const Task& task, Work& work) const {
    const int64_t count = find_rows(task, work);
    const int64_t taps = axis_taps(shape_.y, task.y) * axis_taps(shape_.x, task.x);
    // A step sums `step_taps` whole taps, or a part of one tap's channels.
    const int64_t parts = (depth_ + kMaxDepth - 1) / kMaxDepth,
                  step_taps = std::max<int64_t>(1, kMaxDepth / std::max<int64_t>(1, depth_));
    const bool in_place = out_.dtype == scalar_type_v<T> && out_.strides[1] == 1;
    for (int64_t panel = task.panel_begin; panel < task.panel_end; ++panel) {
      const int64_t first_column = panel * kPanelWidth<T>, columns = panel_columns<T>(first_column, shape_.out);
      const bool direct = in_place && first_column + columns <= shape_.out;
      const int64_t channel = task.group * shape_.out + first_column;
      for (int64_t p = 0; p < tile_pixels_; ++p)
        work.out[p] = p >= count ? work.sink.data()
                      : direct   ? out_.as<T>() + work.position[p] + channel
                                 : work.tile.data() + p * columns;
      const T* const start = bias_.data() + (task.group * panels_ + panel) * kPanelWidth<T>;
      const T* const weights = phase_weights(task.group, task.y, task.x) + taps * depth_ * first_column;
      const auto step = [&](int64_t tap, int64_t tap_count, int64_t k, int64_t k_count, bool first) {
        for (int64_t p = 0; p < count; p += kTileRows)
          gather_rows<T>(std::min<int64_t>(kTileRows, count - p), columns, tap_count, k_count,
                         work.rows.data() + tap * tile_pixels_ + p, tile_pixels_, k, weights + (tap * depth_ + k) * columns,
                         work.out.data() + p, start, first);
      };
      if (taps * depth_ == 0) step(0, 0, 0, 0, true);
      for (int64_t tap = 0; tap < taps; tap += step_taps)
        for (int64_t part = 0; part < parts; ++part) {
          const int64_t k = depth_ * part / parts;
          step(tap, std::min(step_taps, taps - tap), k, depth_ * (part + 1) / parts - k, tap == 0 && part == 0);
        }
      if (!direct) store_tile(work, count, columns, channel, std::min(columns, shape_.out - first_column));
    }
  }

  void store_tile(const Work& work, int64_t count, int64_t columns, int64_t channel, int64_t channels) const {
    dispatch_floating(out_.dtype, [&]<class To>() {
      To* const to = out_.as<To>() + channel * out_.strides[1];
      if (out_.strides[1] == 1) {
        for (int64_t p = 0; p < count; ++p)
          for (int64_t c = 0; c < channels; ++c) to[work.position[p] + c] = static_cast<To>(work.tile[p * columns + c]);
      } else {
        for (int64_t c = 0; c < channels; ++c)
          for (int64_t p = 0; p < count; ++p)
            to[work.position[p] + c * out_.strides[1]] = static_cast<To>(work.tile[p * columns + c]);
      }
    });
  }

  const View& out_;
  const Image<T>& source_;
  const View& weight_;
  const GatherShape& shape_;
  int64_t depth_;       // values a tap reads
  int64_t panels_;      // of kPanelWidth output channels, a group; the last may be one vector wide
  int64_t padded_out_;  // columns of all panels of a group
  int64_t packed_group_ = 0, max_taps_ = 0, tile_pixels_ = 0;
  std::vector<int64_t> phase_start_;
  Scratch<T> zeros_, bias_, packed_;
};

void forward(const View& out, const View& input, const View& weight, const View* bias, const Conv2dParams& params) {
  const int64_t groups = params.groups, in = weight.sizes[1];
  const int64_t kernel_y = weight.sizes[2], kernel_x = weight.sizes[3];
  const auto& w = weight.strides;
  dispatch_compute(out.dtype, [&]<class T>() {
    const bool fold = fold_kernel_rows(in, kernel_x, params.dilation[1], groups);
    const Image<T> source(input, params.padding[0], params.padding[1], fold);
    const int64_t pad_y = fold ? 0 : params.padding[0], pad_x = fold ? 0 : params.padding[1];
    const GatherShape shape{forward_axis(out.sizes[2], kernel_y, params.stride[0], pad_y, params.dilation[0]),
                            forward_axis(out.sizes[3], fold ? 1 : kernel_x, params.stride[1], pad_x, params.dilation[1]),
                            groups,
                            in,
                            out.sizes[1] / groups,
                            fold ? kernel_x : 1,
                            {w[1], w[0], w[2], w[3], out.sizes[1] / groups * w[0]}};
    Gather<T>(out, source, weight, bias, shape).run();
  });
}

void input_grad(const View& grad_input, const View& grad_out, const View& weight, const View* bias, const Conv2dParams& params) {
  const int64_t groups = params.groups, in = grad_out.sizes[1] / groups;
  const auto& w = weight.strides;
  dispatch_compute(grad_input.dtype, [&]<class T>() {
    const Image<T> source(grad_out, 0, 0, false);
    const auto axes = [&](int d) {
      return input_grad_axes(grad_input.sizes[2 + d], weight.sizes[2 + d], params.stride[d], params.padding[d],
                             params.dilation[d]);
    };
    const GatherShape shape{axes(0), axes(1), groups, in, weight.sizes[1], 1, {w[0], w[1], w[2], w[3], in * w[0]}};
    Gather<T>(grad_input, source, weight, bias, shape).run();
  });
}

}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(forward);
HWY_EXPORT(input_grad);

namespace cpu {

void conv2d_forward(const View& out, const View& input, const View& weight, const View* bias, const Conv2dParams& params) {
  if (out.numel() == 0) return;
  HWY_DYNAMIC_DISPATCH(forward)(out, input, weight, bias, params);
}

void conv2d_input_grad(const View& grad_input, const View& grad_out, const View& weight, const View* bias,
                       const Conv2dParams& params) {
  if (grad_input.numel() == 0) return;
  HWY_DYNAMIC_DISPATCH(input_grad)(grad_input, grad_out, weight, bias, params);
}

}  // namespace cpu
}  // namespace tessera::kernels
#endif  // HWY_ONCE
