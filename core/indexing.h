// x.index({Slice(1, None), "...", 0}): NumPy-style indexing, and x.index_put_({...}, value).
//
//   int      picks one element of a dimension, which disappears            (view); so does an integer tensor without dimensions
//   Slice    start:stop:step, step > 0                                     (view)
//   None     a new dimension of size 1                                     (view)
//   "..."    as many whole dimensions as are left; `Ellipsis` is the same  (view)
//   bool     a new dimension of size 1 (true) or 0 (false)                 (copy)
//   mask     a bool or uint8 tensor over the dimensions it has: the elements where it is true   (copy)
//   integer tensor: the elements it names, negative ones counted from the end                   (copy)
//
// Several tensors are broadcast together and used up in step: x.index({rows, columns}) is x[rows[i], columns[i]]. Their common
// shape takes the place of the dimensions that they index if those are neighbours, else it comes first.
// Both directions are recorded: index gives x its gradient, index_put_ gives one to x (0 where it was overwritten) and to the value.
#pragma once

#include <iosfwd>
#include <limits>
#include <string>

#include "core/tensor.h"

namespace tessera {

struct NoneType {};
inline constexpr NoneType None{};
struct EllipsisType {};
inline constexpr EllipsisType Ellipsis{};

inline constexpr int64_t INDEX_MIN = std::numeric_limits<int64_t>::min(), INDEX_MAX = std::numeric_limits<int64_t>::max();

// start:stop:step; each may be None. Ends beyond the dimension are cut to it.
class Slice {
 public:
  struct Bound : std::optional<int64_t> {
    Bound(NoneType) {}                                                            // NOLINT: implicit by design
    template <std::integral T> Bound(T i) : optional(static_cast<int64_t>(i)) {}  // NOLINT
  };
  Slice(Bound start = None, Bound stop = None, Bound step = None)
      : step_(step.value_or(1)),
        start_(start.value_or(step_ < 0 ? INDEX_MAX : 0)),
        stop_(stop.value_or(step_ < 0 ? INDEX_MIN : INDEX_MAX)) {}
  int64_t start() const { return start_; }
  int64_t stop() const { return stop_; }
  int64_t step() const { return step_; }

 private:
  int64_t step_, start_, stop_;
};

class TensorIndex {
 public:
  template <std::integral T> TensorIndex(T i) : kind_(Kind::Integer), integer_(static_cast<int64_t>(i)) {}  // NOLINT
  TensorIndex(bool b) : kind_(Kind::Boolean), integer_(b) {}                                                // NOLINT
  TensorIndex(Slice s) : kind_(Kind::Slice), slice_(s) {}                                                   // NOLINT
  TensorIndex(NoneType) : kind_(Kind::None) {}                                                              // NOLINT
  TensorIndex(EllipsisType) : kind_(Kind::Ellipsis) {}                                                      // NOLINT
  TensorIndex(const char* dots);                                         // NOLINT; throws IndexError for anything but "..."
  TensorIndex(Tensor t) : kind_(Kind::Tensor), tensor_(std::move(t)) {}  // NOLINT

  bool is_none() const { return kind_ == Kind::None; }
  bool is_ellipsis() const { return kind_ == Kind::Ellipsis; }
  bool is_integer() const { return kind_ == Kind::Integer; }
  bool is_boolean() const { return kind_ == Kind::Boolean; }
  bool is_slice() const { return kind_ == Kind::Slice; }
  bool is_tensor() const { return kind_ == Kind::Tensor; }
  int64_t integer() const { return integer_; }
  bool boolean() const { return integer_ != 0; }
  const Slice& slice() const { return slice_; }
  const Tensor& tensor() const { return tensor_; }

 private:
  enum class Kind { None, Ellipsis, Integer, Boolean, Slice, Tensor };
  Kind kind_;
  int64_t integer_ = 0;
  Slice slice_;
  Tensor tensor_;
};

std::ostream& operator<<(std::ostream& os, const Slice& slice);  // 1:2:3
std::ostream& operator<<(std::ostream& os, const TensorIndex& index);
std::ostream& operator<<(std::ostream& os, const std::vector<TensorIndex>& indices);  // (None, ..., 0, true, 1:2:3)

namespace indexing {
using tessera::Ellipsis;
using tessera::INDEX_MAX;
using tessera::INDEX_MIN;
using tessera::None;
using tessera::Slice;
using tessera::TensorIndex;
}  // namespace indexing

}  // namespace tessera
