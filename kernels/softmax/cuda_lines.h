// The classes of a pixel on CUDA: one formula, three ways to hold its numbers. For .cu files.
//
// An op (softmax, cross-entropy, their gradients) is written against a line, the classes of one pixel:
//   line.each(f)         f(x) for the classes of this thread; with two inputs f(a, b). A line in registers may have more places than
//                        there are classes: f sees padding there, -infinity if Op::kPadLowest, else 0
//   line.each_class(f)   f(c, x) for the classes alone
//   line.reduce(v, op)   v combined over the threads that share the line
//   line.pick(c)         x at class c
//   line.mapped(f)       the line of f(x) in the place of x, for one input; held in registers if x is
//   line.write(f)        the output becomes f(x); line.write_class(f): f(c, x)
//   line.set(c, y)       afterwards, the output at c becomes y
//   line.is_first()      whether this thread is the one that stores the line's own results
// and is called as op(line, extra, pixel, state): pixel is the number of the pixel; extra = op.load(pixel), what is read beside the
// classes, on its way before they are; state what a thread gathers over all of its pixels. It is op.begin() before them; after them
// op.finish(state) runs in all threads of each block. Op::kBlocks is the number of blocks of planes that a multiprocessor shall hold;
// without Op::kWrites there is no output but what the op stores itself.
//
// Lines (run by the kernels of cuda_line_kernels.h):
//   planes  (up to 24 classes, any strides) a thread has a pixel, or two adjacent ones of a half type, and holds all classes in
//           registers: up to 24 loads in flight, adjacent threads reading adjacent pixels of a class (NCHW)
//   rows    (up to 24 classes, channels-last without gaps) a warp takes 32 pixels at a time, one piece of memory, through shared memory
//           in packs of 16 bytes; then a thread has a pixel in registers
//   memory  (any number of classes, strides and type) `team` threads have a pixel, 32 if the classes are adjacent, else 1, and read
//           it again for every each(): the second time from the caches
// Memory traffic: planes and rows read each input once and write the output once.
#pragma once

#include <limits>

#include "kernels/cuda/axes.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/reduce.h"

namespace tessera::kernels::cuda {

inline constexpr int kMostHeldClasses = 24;

// The constants of an op, which it inherits.
template <bool writes, bool pad_lowest, int blocks> struct LineOp {
  static constexpr bool kWrites = writes, kPadLowest = pad_lowest;
  static constexpr int kBlocks = blocks;
};

struct Maximum {
  template <class T> __device__ T operator()(T a, T b) const { return max(a, b); }
};

// What an op reads or gathers that has nothing to read or to gather.
struct Nothing {};

// exp for arguments that were made at most about 0: two instructions, with an error of 2 + 1.2 |x| units in the last place, so that
// what it adds to a sum of such terms is right to 3 units of the sum. Results below the normal range are 0: __expf would spend four
// more instructions on them.
template <class C> __device__ inline C exp_of_difference(C x) {
  if constexpr (std::is_same_v<C, float>) {
    constexpr float kLog2E = 1.4426950408889634f;
    float result;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x * kLog2E));
    return result;
  } else {
    return exp(x);
  }
}

// The operands with classes: operand 0 is the output (or stands for none), 1 .. K - 1 are inputs.
template <int K> struct ClassLines {
  int classes = 0;
  int64_t pixels = 0;
  std::array<void*, K> data{};  // no output: nullptr
  std::array<int64_t, K> class_steps{};
  OffsetCalculator<K> offsets;  // of a pixel
};

// What a line in registers holds beyond its classes.
template <class Op, class C> __device__ inline C padding() { return Op::kPadLowest ? -std::numeric_limits<C>::infinity() : C(0); }

// Blocks of a kernel over lines: at most a few times what the device holds at once, because ops may leave a result a block.
inline int64_t most_line_blocks() { return int64_t{multiprocessors()} * 16; }
inline int64_t line_blocks(int64_t threads) { return std::clamp<int64_t>(div_up(threads, kThreads), 1, most_line_blocks()); }

// --- Lines --------------------------------------------------------------------------------------------------------------------------

template <class S, int kInputs, int kMax> struct HeldLine {
  using C = compute_t<S>;
  C values[kInputs][kMax];
  int classes;
  const S* source;  // class 0 of the first input, where it still is
  int64_t step;
  int set_class = -1;
  C set_value;

  template <class F> __device__ void each(F&& f) const {
#pragma unroll
    for (int j = 0; j < kMax; ++j) {
      if constexpr (kInputs == 1)
        f(values[0][j]);
      else
        f(values[0][j], values[1][j]);
    }
  }
  template <class F> __device__ void each_class(F&& f) const {
#pragma unroll
    for (int j = 0; j < kMax; ++j)
      if (j < classes) f(j, values[0][j]);
  }
  template <class T, class Op> __device__ T reduce(T value, Op) const { return value; }
  __device__ C pick(int c) const { return convert_to<C>(source[c * step]); }
  template <class F> __device__ HeldLine& mapped(F&& f) {
    write(f);
    return *this;
  }
  template <class F> __device__ void write(F&& f) {
#pragma unroll
    for (int j = 0; j < kMax; ++j) {
      if constexpr (kInputs == 1)
        values[0][j] = f(values[0][j]);
      else
        values[0][j] = f(values[0][j], values[1][j]);
    }
  }
  template <class F> __device__ void write_class(F&& f) {
#pragma unroll
    for (int j = 0; j < kMax; ++j)
      if (j < classes) values[0][j] = f(j, values[0][j]);
  }
  __device__ void set(int c, C value) { set_class = c, set_value = value; }
  __device__ bool is_first() const { return true; }
};

struct Unmapped {
  template <class T> __device__ T operator()(T x) const { return x; }
};

template <class S, int K, int kTeam, class Map = Unmapped> struct MemoryLine {
  using C = compute_t<S>;
  std::array<S*, K> at;  // class 0 of each operand
  std::array<int64_t, K> steps;
  int classes, first;  // the first class of this thread
  Map map{};

  __device__ C value(int k, int c) const { return map(convert_to<C>(at[k][c * steps[k]])); }
  template <class F> __device__ MemoryLine<S, K, kTeam, F> mapped(const F& f) const { return {at, steps, classes, first, f}; }
  template <class F> __device__ void each_class(F&& f) const {
#pragma unroll 4
    for (int c = first; c < classes; c += kTeam) {
      if constexpr (K == 2)
        f(c, value(1, c));
      else
        f(c, value(1, c), value(2, c));
    }
  }
  template <class F> __device__ void each(F&& f) const {
    each_class([&](int, auto... x) { f(x...); });
  }
  template <class T, class Op> __device__ T reduce(T value, Op op) const { return warp_reduce<kTeam>(value, op); }
  __device__ C pick(int c) const { return value(1, c); }
  template <class F> __device__ void write_class(F&& f) const {
    each_class([&](int c, auto... x) { at[0][c * steps[0]] = convert_to<S>(f(c, x...)); });
  }
  template <class F> __device__ void write(F&& f) const {
    write_class([&](int, auto... x) { return f(x...); });
  }
  __device__ void set(int c, C value) const {
    if (c % kTeam == first) at[0][c * steps[0]] = convert_to<S>(value);
  }
  __device__ bool is_first() const { return first == 0; }
};

}  // namespace tessera::kernels::cuda
