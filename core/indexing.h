// x.index({Slice(1, None), "...", 0}): NumPy-style indexing.
//
//   int      picks one element of a dimension, which disappears            (view)
//   Slice    start, end, step                                              (view)
//   None     a new dimension of size 1                                     (view)
//   "..."    as many whole dimensions as are left; `Ellipsis` is the same  (view)
//   bool tensor (mask) or int64 tensor: the elements it names              (copy); one such index a call, along one dimension,
//            or a mask of the shape of the leading dimensions that it covers
#pragma once

#include <string>

#include "core/tensor.h"

namespace tessera {

struct NoneType {};
inline constexpr NoneType None{};
struct EllipsisType {};
inline constexpr EllipsisType Ellipsis{};

// start:end:step; either end may be None.
struct Slice {
  struct Bound : std::optional<int64_t> {
    Bound(NoneType) {}                                        // NOLINT: implicit by design
    template <std::integral T> Bound(T i) : optional(static_cast<int64_t>(i)) {}  // NOLINT
  };
  Slice(Bound start = None, Bound end = None, int64_t step = 1) : start(start), end(end), step(step) {}
  Bound start, end;
  int64_t step;
};

class TensorIndex {
 public:
  enum class Kind { Integer, Range, NewAxis, Ellipsis, Tensor };
  template <std::integral T> TensorIndex(T i) : kind(Kind::Integer), integer(static_cast<int64_t>(i)) {}  // NOLINT
  TensorIndex(Slice s) : kind(Kind::Range), range(s) {}                                                   // NOLINT
  TensorIndex(NoneType) : kind(Kind::NewAxis) {}                                                          // NOLINT
  TensorIndex(EllipsisType) : kind(Kind::Ellipsis) {}                                                     // NOLINT
  TensorIndex(const char* dots);                                                                          // NOLINT
  TensorIndex(Tensor t) : kind(Kind::Tensor), tensor(std::move(t)) {}                                     // NOLINT

  Kind kind;
  int64_t integer = 0;
  Slice range;
  Tensor tensor;
};

namespace indexing {
using tessera::Ellipsis;
using tessera::None;
using tessera::Slice;
}  // namespace indexing

}  // namespace tessera
