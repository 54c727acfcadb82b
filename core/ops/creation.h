// Factories: tensors from nothing, from numbers, from memory. None is differentiable.
#pragma once

#include "core/tensor.h"

namespace tessera {

Tensor empty(IntArrayRef sizes, const TensorOptions& options = {});  // uninitialised
Tensor zeros(IntArrayRef sizes, const TensorOptions& options = {});
Tensor ones(IntArrayRef sizes, const TensorOptions& options = {});
// dtype of the value's category where the options name none: floating -> the default dtype, integral -> int64, bool -> bool.
Tensor full(IntArrayRef sizes, const Scalar& value, const TensorOptions& options = {});
// Like `x` in shape, dtype, device and memory order; options override.
Tensor empty_like(const Tensor& x, const TensorOptions& options = {});
Tensor zeros_like(const Tensor& x, const TensorOptions& options = {});
Tensor ones_like(const Tensor& x, const TensorOptions& options = {});
Tensor full_like(const Tensor& x, const Scalar& value, const TensorOptions& options = {});
// start, start + step, ... below end: [ceil((end - start) / step)]. int64 if all three are integral.
Tensor arange(const Scalar& end, const TensorOptions& options = {});
Tensor arange(const Scalar& start, const Scalar& end, const TensorOptions& options = {});
Tensor arange(const Scalar& start, const Scalar& end, const Scalar& step, const TensorOptions& options = {});
Tensor linspace(const Scalar& start, const Scalar& end, int64_t steps, const TensorOptions& options = {});  // both ends included
Tensor eye(int64_t n, const TensorOptions& options = {});
Tensor eye(int64_t n, int64_t m, const TensorOptions& options = {});

// Nested braces of numbers, as in tensor({{1.0, 2.0}, {3.0, 4.0}}), or a flat list of them. The dtype follows the literals:
// floating -> the default dtype, integers -> int64, bool -> bool; mixing these throws TypeError. Rows of different length throw
// ShapeError.
class TensorData {
 public:
  template <class T>
    requires std::is_arithmetic_v<T> || is_half_v<T>
  TensorData(T value) : values_{Scalar(value)} {}  // NOLINT: implicit by design
  TensorData(std::initializer_list<TensorData> rows) : TensorData(rows.begin(), rows.size()) {}
  template <class T> TensorData(const std::vector<T>& values)
      : TensorData(values.begin(), values.end(), scalar_type_v<T>) {}                                                // NOLINT
  template <class T> TensorData(ArrayRef<T> values) : TensorData(values.begin(), values.end(), scalar_type_v<T>) {}  // NOLINT
  const DimVector& sizes() const { return sizes_; }
  const std::vector<Scalar>& values() const { return values_; }
  ScalarType dtype() const;

 private:
  template <class It> TensorData(It begin, It end, ScalarType type) : sizes_{end - begin}, empty_type_(type) {
    for (; begin != end; ++begin) values_.emplace_back(typename std::iterator_traits<It>::value_type(*begin));
  }
  TensorData(const TensorData* rows, size_t count);
  DimVector sizes_;
  std::vector<Scalar> values_;
  std::optional<ScalarType> empty_type_;
};
Tensor tensor(const TensorData& data, const TensorOptions& options = {});

// A tensor over memory that the caller owns and keeps alive, or that `deleter(data)` frees with the tensor.
Tensor from_blob(void* data, IntArrayRef sizes, const TensorOptions& options = {});
Tensor from_blob(void* data, IntArrayRef sizes, std::function<void(void*)> deleter, const TensorOptions& options = {});
Tensor from_blob(void* data, IntArrayRef sizes, IntArrayRef strides, const TensorOptions& options = {});
Tensor from_blob(void* data, IntArrayRef sizes, IntArrayRef strides, std::function<void(void*)> deleter,
                 const TensorOptions& options = {});

}  // namespace tessera
