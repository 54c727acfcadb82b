#include "core/tensor.h"

#include "core/autograd.h"

namespace tessera {
namespace {

ScalarType default_dtype = kFloat32;

const TensorImpl& deref(const std::shared_ptr<TensorImpl>& impl) {
  check<ValueError>(impl != nullptr, "an undefined tensor was used. Give it a value first, or test it with defined().");
  return *impl;
}

}  // namespace

ScalarType get_default_dtype() { return default_dtype; }

void set_default_dtype(ScalarType type) {
  check<TypeError>(is_floating_point(type), "set_default_dtype: {} is no floating-point type", type);
  default_dtype = type;
}

const Layout& Tensor::layout() const { return deref(impl_).layout; }
ScalarType Tensor::dtype() const { return deref(impl_).dtype; }
Device Tensor::device() const { return deref(impl_).storage->device(); }
bool Tensor::is_view() const { return deref(impl_).is_view; }
uint64_t Tensor::_version() const { return deref(impl_).storage->version(); }
const std::shared_ptr<Storage>& Tensor::storage() const { return deref(impl_).storage; }

int64_t Tensor::size(int64_t d) const {
  return dim() == 0 ? throw IndexError("size: a 0-dimensional tensor has no sizes") : sizes()[normalize_dim("size", d, dim())];
}

int64_t Tensor::stride(int64_t d) const {
  return dim() == 0 ? throw IndexError("stride: a 0-dimensional tensor has no strides")
                    : strides()[normalize_dim("stride", d, dim())];
}

void* Tensor::data_ptr() const {
  const TensorImpl& t = deref(impl_);
  return static_cast<char*>(t.storage->data()) + static_cast<size_t>(t.layout.offset) * tessera::element_size(t.dtype);
}

View Tensor::as_view() const {
  View view{data_ptr(), dtype(), static_cast<int>(dim()), {}, {}};
  std::copy(sizes().begin(), sizes().end(), view.sizes.begin());
  std::copy(strides().begin(), strides().end(), view.strides.begin());
  return view;
}

Scalar Tensor::item() const {
  check<ValueError>(numel() == 1, "item: the tensor has shape {}; only a tensor of one element is a number", sizes());
  const Tensor host = cpu();
  return dispatch_all(dtype(), [&]<class T>() { return Scalar(*static_cast<const T*>(host.data_ptr())); });
}

Tensor make_view(const Tensor& base, Layout layout) {
  return Tensor(std::make_shared<TensorImpl>(TensorImpl{base.storage(), std::move(layout), base.dtype(), true, nullptr}));
}

Tensor make_tensor(Layout layout, ScalarType dtype, Device device) {
  auto storage = std::make_shared<Storage>(static_cast<size_t>(layout.numel()) * element_size(dtype), device);
  return Tensor(std::make_shared<TensorImpl>(TensorImpl{std::move(storage), std::move(layout), dtype, false, nullptr}));
}

Tensor Tensor::detach() const {
  deref(impl_);
  return make_view(*this, layout());
}

void Tensor::set_data(const Tensor& other) const {
  check<TypeError>(other.is_floating_point() || !requires_grad(),
                   "set_data: the tensor requires a gradient, and {} has none. Call requires_grad_(false) first.", other.dtype());
  check<AutogradError>(is_leaf(), "set_data: only a leaf takes other memory. Use detach().");
  const bool fits = dtype() == other.dtype() && sizes() == other.sizes() && device() == other.device();
  impl_->storage = other.storage();
  impl_->layout = other.layout();
  impl_->dtype = other.dtype();
  // The end of the graph remembers shape, dtype and device: the next op makes another.
  if (!fits && impl_->autograd != nullptr) impl_->autograd->grad_accumulator.reset();
}

// --- Autograd: the graph itself is in autograd.cpp and engine.cpp --------------------------------------------------------------

bool Tensor::requires_grad() const {
  const auto& meta = deref(impl_).autograd;
  return meta != nullptr && (meta->requires_grad || meta->grad_fn != nullptr);
}

const Tensor& Tensor::requires_grad_(bool value) const {
  check<AutogradError>(is_leaf() || value, "requires_grad_: only a leaf can stop requiring a gradient. Use detach().");
  check<TypeError>(!value || is_floating_point(), "requires_grad_: only floating-point tensors have gradients, this one holds {}",
                   dtype());
  if (value || impl_->autograd != nullptr) autograd::ensure_meta(*this).requires_grad = value;
  return *this;
}

bool Tensor::is_leaf() const {
  const auto& meta = deref(impl_).autograd;
  return meta == nullptr || meta->grad_fn == nullptr;
}

const Tensor& Tensor::grad() const {
  static const Tensor undefined;
  const auto& meta = deref(impl_).autograd;
  return meta == nullptr ? undefined : meta->grad;
}

Tensor& Tensor::mutable_grad() const { return autograd::ensure_meta(*this).grad; }

std::shared_ptr<autograd::Node> Tensor::grad_fn() const {
  const auto& meta = deref(impl_).autograd;
  return meta == nullptr ? nullptr : meta->grad_fn;
}

int64_t Tensor::output_nr() const {
  const auto& meta = deref(impl_).autograd;
  return meta == nullptr ? 0 : meta->output_nr;
}

void Tensor::backward(const Tensor& gradient, std::optional<bool> retain_graph, bool create_graph,
                      const TensorList& inputs) const {
  autograd::backward({*this}, gradient.defined() ? TensorList{gradient} : TensorList{}, retain_graph, create_graph, inputs);
}

}  // namespace tessera
