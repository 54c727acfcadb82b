// Saved tensors: what a node keeps for its backward, without a cycle through its own outputs, and the check that nobody has
// changed it since.
#include "core/autograd.h"

namespace tessera::autograd {

SavedTensor::SavedTensor(const Tensor& tensor, bool is_output) {
  if (!tensor.defined()) return;
  check<AutogradError>(
      !tensor.is_inference(),
      "Inference tensors cannot be saved for backward. Use clone() outside InferenceMode to get a normal tensor of "
      "shape {}.",
      tensor.sizes());
  storage_ = tensor.storage();
  version_ = tensor.storage()->version();
  const std::shared_ptr<Node> grad_fn = tensor.grad_fn();
  output_nr_ = static_cast<uint32_t>(tensor.output_nr());
  is_output_ = is_output && grad_fn != nullptr;  // integer outputs have none
  if (!is_output_) grad_fn_ = grad_fn;
  const bool own_leaf = grad_fn == nullptr && tensor.impl()->autograd != nullptr && tensor.impl()->autograd->requires_grad;
  tensor_ = grad_fn != nullptr || (tensor.impl()->base != nullptr && !own_leaf) ? tensor.detach() : tensor;
}

Tensor SavedTensor::unpack(const std::shared_ptr<Node>& owner) const {
  if (!tensor_.defined()) return {};
  check<AutogradError>(storage_.lock() == tensor_.storage(),
                       "{}: a tensor of shape {} that its backward needs was given other memory (set_data, or Module::to). Do "
                       "that before forward or after backward.",
                       owner->op(), tensor_.sizes());
  const uint64_t version = tensor_.storage()->version();
  check<AutogradError>(version == version_,
                       "{}: one of the variables needed for gradient computation has been modified by an inplace operation: a "
                       "tensor of shape {} (version {} was saved, it is now {}). Use the op that is not in place, or clone() "
                       "before writing.",
                       owner->op(), tensor_.sizes(), version_, version);
  if (!is_output_ && grad_fn_ == nullptr) return tensor_;
  Tensor out = tensor_.detach();
  set_history(out, is_output_ ? owner : grad_fn_, output_nr_);
  return out;
}

}  // namespace tessera::autograd
