// Indexing as plain loops over the positions of the output (reads) or of one line at a time (additions).
#include <vector>

#include "kernels/index/index.h"
#include "kernels/index/positions.h"

namespace tessera::kernels::reference {
namespace {

template <class T> using sum_t = std::conditional_t<is_floating_v<T>, double, int64_t>;

// Adds along one line of `out`: it is widened, receives src[i] at target(i) for i = 0, 1, ..., and is rounded once.
template <class T> void add_to_line(T* out, int64_t stride, int64_t size, int64_t count, auto&& target, auto&& source) {
  std::vector<sum_t<T>> line(size);
  for (int64_t i = 0; i < size; ++i) line[i] = static_cast<sum_t<T>>(out[i * stride]);
  for (int64_t i = 0; i < count; ++i) line[target(i)] += static_cast<sum_t<T>>(source(i));
  for (int64_t i = 0; i < size; ++i) {
    if constexpr (is_half_v<T>)
      out[i * stride] = T(static_cast<float>(line[i]));
    else
      out[i * stride] = static_cast<T>(line[i]);
  }
}

}  // namespace

void gather(const View& out, const View& in, const View& index, int dim) {
  dispatch_all(in.dtype, [&]<class T>() {
    for_each_position(out, [&](const Position& position) {
      Position source = position;
      source[dim] = index.as<int64_t>()[offset_of(index, position)];
      out.as<T>()[offset_of(out, position)] = in.as<T>()[offset_of(in, source)];
    });
  });
}

void scatter_add_acc(const View& out, const View& index, const View& src, int dim) {
  dispatch_all(out.dtype, [&]<class T>() {
    for_each_position(without_dim(index, dim), [&](const Position& position) {
      const int64_t* target = index.as<int64_t>() + offset_of(index, position);
      const T* source = src.as<T>() + offset_of(src, position);
      add_to_line(
          out.as<T>() + offset_of(out, position), out.strides[dim], out.sizes[dim], index.sizes[dim],
          [&](int64_t i) { return target[i * index.strides[dim]]; }, [&](int64_t i) { return source[i * src.strides[dim]]; });
    });
  });
}

void index_select(const View& out, const View& in, const View& index, int dim) {
  dispatch_all(in.dtype, [&]<class T>() {
    for_each_position(out, [&](const Position& position) {
      Position source = position;
      source[dim] = index.as<int64_t>()[position[dim] * index.strides[0]];
      out.as<T>()[offset_of(out, position)] = in.as<T>()[offset_of(in, source)];
    });
  });
}

void index_copy(const View& out, const View& index, const View& src, int dim) {
  dispatch_all(out.dtype, [&]<class T>() {
    for_each_position(src, [&](const Position& position) {  // row-major: along `dim` in rising order
      Position target = position;
      target[dim] = index.as<int64_t>()[position[dim] * index.strides[0]];
      out.as<T>()[offset_of(out, target)] = src.as<T>()[offset_of(src, position)];
    });
  });
}

void index_add_acc(const View& out, const View& index, const View& src, int dim) {
  View broadcast = src;  // the index of every line is the same: stride 0 in the other dimensions
  broadcast.data = index.data;
  broadcast.dtype = index.dtype;
  broadcast.strides.fill(0);
  broadcast.strides[dim] = index.strides[0];
  scatter_add_acc(out, broadcast, src, dim);
}

}  // namespace tessera::kernels::reference
