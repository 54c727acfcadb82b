#include "core/ops/creation.h"

#include <cmath>

#include "core/ops/copy.h"

namespace tessera {
namespace {

ScalarType literal_dtype(ScalarType category) { return category == kFloat64 ? get_default_dtype() : category; }

TensorOptions with_default(const TensorOptions& options, ScalarType type) {
  return options.has_dtype() ? options : options.dtype(type);
}

Tensor finish(Tensor t, const TensorOptions& options) {
  if (options.requires_grad()) t.requires_grad_();
  return t;
}

Tensor from_doubles(int64_t count, const TensorOptions& options, ScalarType type, const std::function<double(int64_t)>& value) {
  Tensor t = empty({count}, kFloat64);
  for (int64_t i = 0; i < count; ++i) t.data_ptr<double>()[i] = value(i);
  const TensorOptions chosen = with_default(options, type);
  return finish(t.to(TensorOptions(chosen.dtype()).device(chosen.device())), options);
}

}  // namespace

Tensor empty(IntArrayRef sizes, const TensorOptions& options) {
  const MemoryFormat format = options.memory_format_opt().value_or(kContiguous);
  return finish(make_tensor(Layout::of(sizes, format), options.dtype(), options.device()), options);
}

Tensor full(IntArrayRef sizes, const Scalar& value, const TensorOptions& options) {
  Tensor t = empty(sizes, with_default(options, literal_dtype(value.type())).requires_grad(false));
  fill(t, value);
  return finish(t, options);
}

Tensor zeros(IntArrayRef sizes, const TensorOptions& options) {
  return full(sizes, 0, with_default(options, get_default_dtype()));
}
Tensor ones(IntArrayRef sizes, const TensorOptions& options) {
  return full(sizes, 1, with_default(options, get_default_dtype()));
}

Tensor empty_like(const Tensor& x, const TensorOptions& options) {
  const MemoryFormat format = options.memory_format_opt().value_or(MemoryFormat::Preserve);
  Layout layout = format == MemoryFormat::Preserve ? x.layout().fresh_like() : Layout::of(x.sizes(), format);
  return finish(make_tensor(std::move(layout), options.has_dtype() ? options.dtype() : x.dtype(),
                            options.has_device() ? options.device() : x.device()),
                options);
}

Tensor full_like(const Tensor& x, const Scalar& value, const TensorOptions& options) {
  Tensor t = empty_like(x, options.requires_grad(false));
  fill(t, value);
  return finish(t, options);
}

Tensor zeros_like(const Tensor& x, const TensorOptions& options) { return full_like(x, 0, options); }
Tensor ones_like(const Tensor& x, const TensorOptions& options) { return full_like(x, 1, options); }

Tensor arange(const Scalar& end, const TensorOptions& options) { return arange(0, end, 1, options); }
Tensor arange(const Scalar& start, const Scalar& end, const TensorOptions& options) { return arange(start, end, 1, options); }

Tensor arange(const Scalar& start, const Scalar& end, const Scalar& step, const TensorOptions& options) {
  const double first = start.to_double(), stride = step.to_double();
  const double count = std::ceil((end.to_double() - first) / stride);
  check<ValueError>(stride != 0 && count >= 0 && std::isfinite(count), "arange: {} to {} cannot be reached in steps of {}", first,
                    end.to_double(), stride);
  const bool integral = !start.is_floating_point() && !end.is_floating_point() && !step.is_floating_point();
  return from_doubles(static_cast<int64_t>(count), options, integral ? kInt64 : get_default_dtype(),
                      [&](int64_t i) { return first + stride * static_cast<double>(i); });
}

Tensor linspace(const Scalar& start, const Scalar& end, int64_t steps, const TensorOptions& options) {
  check<ValueError>(steps >= 0, "linspace: {} steps were asked for", steps);
  const double a = start.to_double(), b = end.to_double(), width = (b - a) / static_cast<double>(std::max<int64_t>(steps - 1, 1));
  // Counted from the nearer end, so that both ends are exact.
  return from_doubles(steps, options, get_default_dtype(), [&](int64_t i) {
    return i < steps / 2 || steps == 1 ? a + width * static_cast<double>(i) : b - width * static_cast<double>(steps - 1 - i);
  });
}

Tensor eye(int64_t n, const TensorOptions& options) { return eye(n, n, options); }

Tensor eye(int64_t n, int64_t m, const TensorOptions& options) {
  Tensor t = zeros({n, m}, options.requires_grad(false));
  const int64_t k = std::min(n, m);
  fill(make_view(t, Layout{{k}, {m + 1}, 0}), 1);
  return finish(t, options);
}

TensorData::TensorData(const TensorData* rows, size_t count) {
  sizes_.push_back(static_cast<int64_t>(count));
  if (count == 0) return;
  for (int64_t size : rows[0].sizes_) sizes_.push_back(size);
  for (size_t i = 0; i < count; ++i) {
    check<ShapeError>(IntArrayRef(rows[i].sizes_) == IntArrayRef(rows[0].sizes_),
                      "tensor: Expected all sub-lists to have sizes: {}, but got sub-list {} with sizes: {}", rows[0].sizes_, i,
                      rows[i].sizes_);
    values_.insert(values_.end(), rows[i].values_.begin(), rows[i].values_.end());
  }
}

ScalarType TensorData::dtype() const {
  if (values_.empty()) {
    const ScalarType type = empty_type_.value_or(kFloat64);
    return literal_dtype(is_floating_point(type) ? kFloat64 : type == kBool ? kBool : kInt64);
  }
  const auto name = [](const Scalar& x) { return x.isBoolean() ? "Bool" : x.is_floating_point() ? "Double" : "Int"; };
  for (const Scalar& value : values_)
    check<TypeError>(value.type() == values_[0].type(),
                     "tensor: Expected all elements of the tensor to have the same scalar type: {}, but got element of scalar "
                     "type: {}",
                     name(values_[0]), name(value));
  return literal_dtype(values_[0].type());
}

Tensor tensor(const TensorData& data, const TensorOptions& options) {
  const ScalarType literal = data.dtype();  // also checks the literals
  const TensorOptions chosen = with_default(options, literal);
  Tensor t = empty(data.sizes(), chosen.dtype());
  dispatch_all(t.dtype(), [&]<class T>() {
    T* out = t.data_ptr<T>();
    for (const Scalar& value : data.values()) *out++ = value.to<T>();
  });
  return finish(t.to(chosen.device()), options);
}

Tensor from_blob(void* data, IntArrayRef sizes, const TensorOptions& options) {
  return from_blob(data, sizes, [](void*) {}, options);
}

Tensor from_blob(void* data, IntArrayRef sizes, std::function<void(void*)> deleter, const TensorOptions& options) {
  Layout layout = Layout::of(sizes, options.memory_format_opt().value_or(kContiguous));
  const size_t bytes = static_cast<size_t>(layout.numel()) * element_size(options.dtype());
  auto storage = std::make_shared<Storage>(data, bytes, options.device(), std::move(deleter));
  return finish(
      Tensor(std::make_shared<TensorImpl>(TensorImpl{.storage = storage, .layout = std::move(layout), .dtype = options.dtype()})),
      options);
}

Tensor from_blob(void* data, IntArrayRef sizes, IntArrayRef strides, const TensorOptions& options) {
  return from_blob(
      data, sizes, strides, [](void*) {}, options);
}

Tensor from_blob(void* data, IntArrayRef sizes, IntArrayRef strides, std::function<void(void*)> deleter,
                 const TensorOptions& options) {
  check<ShapeError>(sizes.size() == strides.size(), "from_blob: {} sizes, but {} strides", sizes.size(), strides.size());
  int64_t extent = 1;  // elements from the first to the last that the strides reach
  for (size_t d = 0; d < sizes.size(); ++d) extent = sizes[d] == 0 ? 0 : extent + (sizes[d] - 1) * strides[d] * (extent > 0);
  Tensor t = from_blob(data, {extent}, std::move(deleter), options.requires_grad(false));
  t.impl()->layout = Layout{sizes.dims(), strides.dims(), 0};
  return finish(t, options);
}

}  // namespace tessera
