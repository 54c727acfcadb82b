// Tensor: a shared handle to a typed, strided block of numbers, with its place in the autograd graph.
//
// Copying a Tensor copies the handle; `clone()` copies the numbers. A default-constructed Tensor is undefined: it stands for
// "none" (no bias, no gradient). Methods do what the free function of the same name in core/ops/ does; its contract stands there.
// Methods that end in `_` write in place; the rules for that are in core/autograd.h.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <vector>

#include "core/options.h"
#include "core/scalar.h"
#include "core/storage.h"

namespace tessera {

class Tensor;
class TensorIndex;
struct TensorImpl;
using TensorList = std::vector<Tensor>;
namespace autograd {
class Node;
struct AutogradMeta;
}  // namespace autograd

class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(std::shared_ptr<TensorImpl> impl) : impl_(std::move(impl)) {}
  Tensor(const Tensor&) = default;
  Tensor(Tensor&&) = default;
  // A variable is made to refer to another tensor; but x[i] = value, where x[i] is no variable, writes the numbers.
  Tensor& operator=(const Tensor&) & = default;
  Tensor& operator=(Tensor&&) & = default;
  Tensor& operator=(const Tensor& value) && { return copy_(value), *this; }
  Tensor& operator=(Tensor&& value) && { return copy_(value), *this; }
  Tensor& operator=(const Scalar& value) && { return fill_(value), *this; }

  // --- What it is -----------------------------------------------------------------------------------------------------------
  bool defined() const { return impl_ != nullptr; }
  bool is_same(const Tensor& other) const { return impl_ == other.impl_; }
  const Layout& layout() const;
  IntArrayRef sizes() const { return layout().sizes; }
  IntArrayRef strides() const { return layout().strides; }
  int64_t dim() const { return static_cast<int64_t>(layout().sizes.size()); }
  int64_t ndimension() const { return dim(); }
  int64_t size(int64_t dim) const;    // negative dims count from the end
  int64_t stride(int64_t dim) const;
  int64_t numel() const { return layout().numel(); }
  int64_t storage_offset() const { return layout().offset; }
  ScalarType dtype() const;
  ScalarType scalar_type() const { return dtype(); }
  bool is_floating_point() const { return tessera::is_floating_point(dtype()); }
  bool is_signed() const { return dtype() != kUInt8 && dtype() != kBool; }
  size_t element_size() const { return tessera::element_size(dtype()); }
  size_t itemsize() const { return element_size(); }
  size_t nbytes() const { return static_cast<size_t>(numel()) * element_size(); }
  Device device() const;
  bool is_cpu() const { return device().is_cpu(); }
  bool is_cuda() const { return device().is_cuda(); }
  int64_t get_device() const { return device().index(); }  // -1 on the CPU
  bool is_pinned() const;
  TensorOptions options() const { return TensorOptions(dtype()).device(device()); }
  bool is_contiguous(MemoryFormat format = kContiguous) const { return layout().is_contiguous(format); }
  MemoryFormat suggest_memory_format() const { return tessera::suggest_memory_format(layout()); }
  bool is_view() const;         // shares its storage with the tensor it was taken from
  bool is_inference() const;    // made under InferenceMode
  int64_t _version() const;     // in-place writes to the storage so far; AutogradError for an inference tensor
  const std::shared_ptr<Storage>& storage() const;

  void* data_ptr() const;       // address of element [0, ..., 0]
  template <class T> T* data_ptr() const {
    check<TypeError>(dtype() == scalar_type_v<T>, "data_ptr: the tensor holds {}, not {}", dtype(), scalar_type_v<T>);
    return static_cast<T*>(data_ptr());
  }
  View as_view() const;         // what kernels see

  // The one number of a one-element tensor. Throws ValueError for any other count.
  Scalar item() const;
  template <class T> T item() const { return item().to<T>(); }
  bool is_nonzero() const { return item().to_double() != 0; }

  // --- Autograd -------------------------------------------------------------------------------------------------------------
  // True for a leaf that was asked to, for what was computed from one, and for views of either.
  bool requires_grad() const;
  const Tensor& requires_grad_(bool value = true) const;  // leaves only
  const Tensor& set_requires_grad(bool value) const { return requires_grad_(value); }
  bool is_leaf() const;
  const Tensor& grad() const;       // undefined until a backward pass reached this leaf (or after retain_grad())
  Tensor& mutable_grad() const;
  void retain_grad() const;         // keep .grad of a non-leaf too
  bool retains_grad() const;
  std::shared_ptr<autograd::Node> grad_fn() const;
  int64_t output_nr() const;
  // Adds d self / d leaf * gradient to the .grad of each leaf; `gradient` may be left out for a one-element tensor.
  void backward(const Tensor& gradient = {}, std::optional<bool> retain_graph = {}, bool create_graph = false) const;
  // The same, but only to the .grad of `inputs`, which are leaves, at least one.
  void backward(const Tensor& gradient, std::optional<bool> retain_graph, bool create_graph, const TensorList& inputs) const;
  // Calls hook(gradient) when this tensor's gradient has been computed, for autograd::grad too; if the hook returns a tensor that
  // is defined, it replaces the gradient. Returns a number for remove_hook, which throws IndexError if there is no such hook.
  template <class Hook> unsigned register_hook(Hook hook) const {
    if constexpr (std::is_void_v<std::invoke_result_t<Hook, Tensor>>) {
      return add_hook([hook = std::move(hook)](const Tensor& gradient) mutable { return hook(gradient), Tensor(); });
    } else {
      return add_hook(std::move(hook));
    }
  }
  void remove_hook(unsigned handle) const;
  Tensor detach() const;            // same memory, outside the graph
  const Tensor& detach_() const;    // leaves the graph; AutogradError for a view
  Tensor data() const { return detach(); }
  // Takes over other's memory, layout and dtype; being a leaf, requires_grad and .grad stay. AutogradError for a non-leaf.
  void set_data(const Tensor& other) const;

  // --- Copies and conversions -------------------------------------------------------------------------------------------------
  Tensor clone(MemoryFormat format = MemoryFormat::Preserve) const;
  Tensor contiguous(MemoryFormat format = kContiguous) const;  // itself if it lies so already
  Tensor to(ScalarType dtype, bool copy = false) const;
  Tensor to(Device device, bool non_blocking = false, bool copy = false) const;
  Tensor to(DeviceType type, bool non_blocking = false, bool copy = false) const { return to(Device(type), non_blocking, copy); }
  Tensor to(Device device, ScalarType dtype, bool non_blocking = false, bool copy = false) const;
  // Dtype, device and memory format where the options name one; ValueError if they ask for requires_grad.
  Tensor to(const TensorOptions& options, bool copy = false) const;
  Tensor to(const Tensor& other, bool non_blocking = false, bool copy = false) const {
    return to(other.device(), other.dtype(), non_blocking, copy);
  }
  Tensor type_as(const Tensor& other) const { return to(other); }
  Tensor toType(ScalarType dtype) const { return to(dtype); }
  Tensor to(MemoryFormat format) const { return contiguous(format); }
  Tensor cpu() const { return to(Device(kCPU)); }
  Tensor cuda() const { return to(Device(kCUDA)); }
  Tensor pin_memory() const;
  const Tensor& copy_(const Tensor& source, bool non_blocking = false) const;  // broadcasts, converts, changes device
  const Tensor& fill_(const Scalar& value) const;
  const Tensor& zero_() const { return fill_(0); }

  // --- Shapes (views where memory order allows) --------------------------------------------------------------------------------
  Tensor view(IntArrayRef shape) const;
  Tensor reshape(IntArrayRef shape) const;
  Tensor flatten(int64_t start_dim = 0, int64_t end_dim = -1) const;
  Tensor permute(IntArrayRef dims) const;
  Tensor transpose(int64_t dim0, int64_t dim1) const;
  Tensor t() const;
  Tensor expand(IntArrayRef sizes) const;
  Tensor expand_as(const Tensor& other) const { return expand(other.sizes()); }
  Tensor squeeze() const;
  Tensor squeeze(int64_t dim) const;
  Tensor unsqueeze(int64_t dim) const;
  Tensor select(int64_t dim, int64_t index) const;
  Tensor slice(int64_t dim, std::optional<int64_t> start = {}, std::optional<int64_t> end = {}, int64_t step = 1) const;
  Tensor narrow(int64_t dim, int64_t start, int64_t length) const;
  Tensor operator[](int64_t index) const { return select(0, index); }
  Tensor operator[](const Tensor& index) const;  // index({index})
  Tensor view_as(const Tensor& other) const { return view(other.sizes()); }
  Tensor reshape_as(const Tensor& other) const { return reshape(other.sizes()); }
  TensorList split(int64_t split_size, int64_t dim = 0) const;
  TensorList chunk(int64_t chunks, int64_t dim = 0) const;

  // --- Indexing: core/indexing.h ----------------------------------------------------------------------------------------------
  Tensor index(std::initializer_list<TensorIndex> indices) const;
  Tensor index(const std::vector<TensorIndex>& indices) const;
  const Tensor& index_put_(std::initializer_list<TensorIndex> indices, const Tensor& value, bool accumulate = false) const;
  const Tensor& index_put_(std::initializer_list<TensorIndex> indices, const Scalar& value, bool accumulate = false) const;
  const Tensor& index_put_(const std::vector<TensorIndex>& indices, const Tensor& value, bool accumulate = false) const;
  const Tensor& index_put_(const std::vector<TensorIndex>& indices, const Scalar& value, bool accumulate = false) const;
  Tensor index_select(int64_t dim, const Tensor& index) const, gather(int64_t dim, const Tensor& index) const,
      scatter_add(int64_t dim, const Tensor& index, const Tensor& src) const,
      index_add(int64_t dim, const Tensor& index, const Tensor& source) const, flip(IntArrayRef dims) const,
      masked_select(const Tensor& mask) const, masked_fill(const Tensor& mask, const Scalar& value) const,
      where(const Tensor& condition, const Tensor& other) const;  // self where the condition holds
  const Tensor& masked_fill_(const Tensor& mask, const Scalar& value) const;

  // --- Arithmetic and the like: core/tensor_methods.cpp forwards each to the function of the same name ---
  Tensor neg() const, abs() const, square() const, sqrt() const, rsqrt() const, reciprocal() const, exp() const, expm1() const,
      log() const, log1p() const, sin() const, cos() const, erf() const, tanh() const, sigmoid() const, relu() const,
      sign() const, floor() const, ceil() const, round() const, isnan() const, isinf() const, isfinite() const,
      logical_not() const;
  Tensor pow(const Scalar& exponent) const, pow(const Tensor& exponent) const;
  Tensor clamp(std::optional<Scalar> min = {}, std::optional<Scalar> max = {}) const, clamp_min(const Scalar& min) const,
      clamp_max(const Scalar& max) const;
  Tensor add(const Tensor& other, const Scalar& alpha = 1) const, sub(const Tensor& other, const Scalar& alpha = 1) const,
      mul(const Tensor& other) const, div(const Tensor& other) const, maximum(const Tensor& other) const,
      minimum(const Tensor& other) const;
  Tensor add(const Scalar& other) const, sub(const Scalar& other) const, mul(const Scalar& other) const,
      div(const Scalar& other) const;
  Tensor eq(const Tensor& other) const, ne(const Tensor& other) const, lt(const Tensor& other) const,
      le(const Tensor& other) const, gt(const Tensor& other) const, ge(const Tensor& other) const;
  Tensor eq(const Scalar& other) const, ne(const Scalar& other) const, lt(const Scalar& other) const,
      le(const Scalar& other) const, gt(const Scalar& other) const, ge(const Scalar& other) const;
  Tensor logical_and(const Tensor& other) const, logical_or(const Tensor& other) const, logical_xor(const Tensor& other) const;
  const Tensor& add_(const Tensor& other, const Scalar& alpha = 1) const;
  const Tensor& sub_(const Tensor& other, const Scalar& alpha = 1) const;
  const Tensor& mul_(const Tensor& other) const;
  const Tensor& div_(const Tensor& other) const;
  const Tensor& add_(const Scalar& other) const;
  const Tensor& sub_(const Scalar& other) const;
  const Tensor& mul_(const Scalar& other) const;
  const Tensor& div_(const Scalar& other) const;
  const Tensor& neg_() const;
  const Tensor& abs_() const;
  const Tensor& square_() const;
  const Tensor& sqrt_() const;
  const Tensor& exp_() const;
  const Tensor& log_() const;
  const Tensor& tanh_() const;
  const Tensor& sigmoid_() const;
  const Tensor& relu_() const;
  const Tensor& pow_(const Scalar& exponent) const;
  const Tensor& clamp_(std::optional<Scalar> min = {}, std::optional<Scalar> max = {}) const;
  const Tensor& clamp_min_(const Scalar& min) const;
  const Tensor& clamp_max_(const Scalar& max) const;
  const Tensor& operator+=(const Tensor& other) const { return add_(other); }
  const Tensor& operator-=(const Tensor& other) const { return sub_(other); }
  const Tensor& operator*=(const Tensor& other) const { return mul_(other); }
  const Tensor& operator/=(const Tensor& other) const { return div_(other); }
  const Tensor& operator+=(const Scalar& other) const { return add_(other); }
  const Tensor& operator-=(const Scalar& other) const { return sub_(other); }
  const Tensor& operator*=(const Scalar& other) const { return mul_(other); }
  const Tensor& operator/=(const Scalar& other) const { return div_(other); }
  Tensor operator-() const { return neg(); }
  const Tensor& uniform_(double low = 0, double high = 1) const;
  const Tensor& normal_(double mean = 0, double std = 1) const;
  const Tensor& bernoulli_(double p = 0.5) const;

  Tensor sum() const, mean() const, prod() const, max() const, min() const, argmax() const, argmin() const, all() const,
      any() const, var() const, std() const;
  Tensor sum(ScalarType dtype) const, mean(ScalarType dtype) const;
  Tensor sum(IntArrayRef dims, bool keepdim = false) const, mean(IntArrayRef dims, bool keepdim = false) const,
      prod(IntArrayRef dims, bool keepdim = false) const, amax(IntArrayRef dims, bool keepdim = false) const,
      amin(IntArrayRef dims, bool keepdim = false) const, all(IntArrayRef dims, bool keepdim = false) const,
      any(IntArrayRef dims, bool keepdim = false) const, logsumexp(IntArrayRef dims, bool keepdim = false) const;
  std::tuple<Tensor, Tensor> max(int64_t dim, bool keepdim = false) const, min(int64_t dim, bool keepdim = false) const;
  Tensor max(const Tensor& other) const { return maximum(other); }
  Tensor min(const Tensor& other) const { return minimum(other); }
  Tensor argmax(int64_t dim, bool keepdim = false) const, argmin(int64_t dim, bool keepdim = false) const;
  Tensor var(IntArrayRef dims, bool unbiased = true, bool keepdim = false) const,
      std(IntArrayRef dims, bool unbiased = true, bool keepdim = false) const;
  // A lone bool says `unbiased`, of all elements; a lone integer is a dimension.
  template <std::same_as<bool> B> Tensor var(B unbiased) const { return var(IntArrayRef(), unbiased); }
  template <std::same_as<bool> B> Tensor std(B unbiased) const { return std(IntArrayRef(), unbiased); }
  Tensor norm(double p = 2) const, norm(double p, IntArrayRef dims, bool keepdim = false) const;
  Tensor cumsum(int64_t dim) const;
  bool equal(const Tensor& other) const;
  bool allclose(const Tensor& other, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false) const;
  Tensor matmul(const Tensor& other) const, mm(const Tensor& other) const, bmm(const Tensor& other) const,
      dot(const Tensor& other) const;
  Tensor addmm(const Tensor& a, const Tensor& b, const Scalar& beta = 1, const Scalar& alpha = 1) const;
  Tensor softmax(int64_t dim) const, log_softmax(int64_t dim) const;

  // --- Inside ---------------------------------------------------------------------------------------------------------------
  TensorImpl* impl() const { return impl_.get(); }
  const std::shared_ptr<TensorImpl>& impl_ptr() const { return impl_; }

 private:
  unsigned add_hook(std::function<Tensor(const Tensor&)> hook) const;

  std::shared_ptr<TensorImpl> impl_;
};

// The mode that a view was made in. One that was not recorded must not be written in place once gradients are.
enum class ViewOrigin : uint8_t { Recorded, NoGradMode, InferenceMode };

// What a Tensor points to.
struct TensorImpl {
  std::shared_ptr<Storage> storage;
  Layout layout;
  ScalarType dtype = kFloat32;
  bool is_view = false;
  bool is_inference = false;
  ViewOrigin origin = ViewOrigin::Recorded;
  // The tensor that a view is a part of, itself no view: its history follows that one's (core/view_history.h). Absent where no
  // graph can come of it.
  std::shared_ptr<TensorImpl> base = nullptr;
  uint64_t recorded_writes = 0;                                // of the storage when the history was last brought up to date
  std::shared_ptr<autograd::AutogradMeta> autograd = nullptr;  // absent until the tensor takes part in a graph
};

// A new tensor of `layout` over x's storage, not yet recorded. Ops make views with it and record them.
Tensor make_view(const Tensor& x, Layout layout);
// A new tensor whose memory is uninitialised.
Tensor make_tensor(Layout layout, ScalarType dtype, Device device);

}  // namespace tessera
