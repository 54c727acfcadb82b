#include "core/tensor.h"

#include "core/autograd.h"
#include "core/ops/binary.h"
#include "core/view_history.h"
#include "kernels/cuda/graph.h"

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
bool Tensor::is_inference() const { return deref(impl_).is_inference; }
int64_t Tensor::_version() const {
  check<AutogradError>(!is_inference(), "_version: Inference tensors do not track version counter.");
  return static_cast<int64_t>(impl_->storage->version());
}
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
  if (is_cuda()) kernels::cuda::require_no_capture("item");
  const Tensor host = cpu();
  return dispatch_all(dtype(), [&]<class T>() { return Scalar(*static_cast<const T*>(host.data_ptr())); });
}

Tensor make_view(const Tensor& x, Layout layout) {
  const TensorImpl& from = *x.impl();
  auto impl = std::make_shared<TensorImpl>(TensorImpl{.storage = from.storage, .layout = std::move(layout), .dtype = from.dtype});
  if (from.is_inference) {
    impl->is_inference = true;
    return Tensor(std::move(impl));
  }
  impl->is_view = true;
  impl->origin = from.is_view && from.origin != ViewOrigin::Recorded ? from.origin
                 : InferenceMode::is_enabled()                       ? ViewOrigin::InferenceMode
                 : !GradMode::is_enabled()                           ? ViewOrigin::NoGradMode
                                                                     : ViewOrigin::Recorded;
  // Without recording, a view needs its base only if that has a history: so the views inside a backward pass hold no memory.
  if (GradMode::is_enabled() || x.requires_grad()) impl->base = from.base != nullptr ? from.base : x.impl_ptr();
  impl->recorded_writes = from.storage->recorded_writes();
  return Tensor(std::move(impl));
}

Tensor make_tensor(Layout layout, ScalarType dtype, Device device) {
  auto storage = std::make_shared<Storage>(static_cast<size_t>(layout.numel()) * element_size(dtype), device);
  return Tensor(std::make_shared<TensorImpl>(TensorImpl{
      .storage = std::move(storage), .layout = std::move(layout), .dtype = dtype, .is_inference = InferenceMode::is_enabled()}));
}

Tensor Tensor::detach() const {
  const TensorImpl& from = deref(impl_);
  return Tensor(std::make_shared<TensorImpl>(TensorImpl{.storage = from.storage,
                                                        .layout = from.layout,
                                                        .dtype = from.dtype,
                                                        .is_view = !from.is_inference,
                                                        .is_inference = from.is_inference}));
}

const Tensor& Tensor::detach_() const {
  check<AutogradError>(deref(impl_).base == nullptr, "detach_: a view cannot leave the graph in place. Use detach().");
  if (impl_->autograd != nullptr) {
    impl_->autograd->grad_fn = nullptr;
    impl_->autograd->requires_grad = false;
  }
  return *this;
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
  const auto wanted = [](const TensorImpl& t) {
    return t.autograd != nullptr && (t.autograd->requires_grad || t.autograd->grad_fn != nullptr);
  };
  const TensorImpl& t = deref(impl_);
  return wanted(t) || (t.base != nullptr && wanted(*t.base));
}

const Tensor& Tensor::requires_grad_(bool value) const {
  check<AutogradError>(is_leaf() || value,
                       "requires_grad_: you can only change requires_grad flags of leaf variables. Use detach().");
  check<TypeError>(!value || is_floating_point(),
                   "requires_grad_: Only Tensors of floating point and complex dtype can require gradients, this one holds {}",
                   dtype());
  check<AutogradError>(!value || !is_inference() || InferenceMode::is_enabled(),
                       "requires_grad_: Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.");
  if (value || impl_->autograd != nullptr) autograd::ensure_meta(*this).requires_grad = value;
  return *this;
}

bool Tensor::is_leaf() const { return grad_fn() == nullptr; }

const Tensor& Tensor::grad() const {
  static const Tensor undefined;
  const auto& meta = deref(impl_).autograd;
  return meta == nullptr ? undefined : meta->grad;
}

Tensor& Tensor::mutable_grad() const { return autograd::ensure_meta(*this).grad; }

std::shared_ptr<autograd::Node> Tensor::grad_fn() const {
  deref(impl_);
  autograd::refresh_view(*this);
  const auto& meta = impl_->autograd;
  return meta == nullptr ? nullptr : meta->grad_fn;
}

int64_t Tensor::output_nr() const {
  const auto& meta = deref(impl_).autograd;
  return meta == nullptr ? 0 : meta->output_nr;
}

void Tensor::backward(const Tensor& gradient, std::optional<bool> retain_graph, bool create_graph) const {
  autograd::backward({*this}, gradient.defined() ? TensorList{gradient} : TensorList{}, retain_graph, create_graph);
}

void Tensor::backward(const Tensor& gradient, std::optional<bool> retain_graph, bool create_graph,
                      const TensorList& inputs) const {
  check<AutogradError>(!inputs.empty(), "backward: `inputs` cannot be empty. Leave it out to reach all leaves.");
  autograd::backward({*this}, gradient.defined() ? TensorList{gradient} : TensorList{}, retain_graph, create_graph, inputs);
}

void Tensor::retain_grad() const {
  check<AutogradError>(requires_grad(), "retain_grad: the tensor does not require a gradient");
  if (is_leaf() || impl_->autograd->retains_grad) return;
  impl_->autograd->retains_grad = true;
  register_hook([meta = std::weak_ptr(impl_->autograd)](const Tensor& g) -> Tensor {
    if (auto m = meta.lock()) m->grad = m->grad.defined() ? tessera::add(m->grad, g) : g;
    return {};
  });
}

bool Tensor::retains_grad() const { return impl_->autograd != nullptr && impl_->autograd->retains_grad; }

unsigned Tensor::add_hook(std::function<Tensor(const Tensor&)> hook) const {
  check<AutogradError>(requires_grad(), "register_hook: cannot register a hook on a variable that doesn't require gradient");
  const std::shared_ptr<autograd::Node> node = grad_fn();
  autograd::AutogradMeta& meta = autograd::ensure_meta(*this);
  const unsigned handle = node == nullptr ? meta.next_hook++ : node->next_hook++;
  (node == nullptr ? meta.leaf_hooks : node->tensor_hooks)[handle] = {node == nullptr ? 0 : meta.output_nr, std::move(hook)};
  return handle;
}

void Tensor::remove_hook(unsigned handle) const {
  const std::shared_ptr<autograd::Node> node = grad_fn();
  autograd::AutogradMeta& meta = autograd::ensure_meta(*this);
  auto& hooks = node == nullptr ? meta.leaf_hooks : node->tensor_hooks;
  const auto hook = hooks.find(handle);
  check<IndexError>(hook != hooks.end() && (node == nullptr || hook->second.output_nr == meta.output_nr),
                    "remove_hook: Invalid index, no hook at position {}", handle);
  hooks.erase(hook);
}

}  // namespace tessera
