#include "core/function.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>

#include "core/ops/creation.h"

namespace tessera::autograd {
namespace {

bool contains(const variable_list& list, const Tensor& tensor) {
  return std::any_of(list.begin(), list.end(), [&](const Tensor& t) { return t.defined() && t.is_same(tensor); });
}

}  // namespace

std::string function_name(const std::type_info& type) {
  char* const demangled = abi::__cxa_demangle(type.name(), nullptr, nullptr, nullptr);
  const std::string name = demangled == nullptr ? type.name() : demangled;
  std::free(demangled);
  return "CppNode<" + name + ">";
}

variable_list AutogradContext::get_saved_variables() const {
  const std::shared_ptr<FunctionNode> node = node_.lock();
  check<AutogradError>(node != nullptr, "get_saved_variables: it is called in backward only");
  variable_list tensors;
  for (const SavedTensor& saved : node->saved) tensors.push_back(saved.unpack(node));
  return tensors;
}

bool AutogradContext::needs_input_grad(size_t i) const {
  const std::shared_ptr<FunctionNode> node = node_.lock();
  check<AutogradError>(node != nullptr, "needs_input_grad: it is called in backward only");
  check<IndexError>(i < node->edge_of_.size(), "needs_input_grad: argument {} of {}", i, node->edge_of_.size());
  const int edge = node->edge_of_[i];
  return edge >= 0 && node->needs_grad(static_cast<size_t>(edge));
}

void FunctionNode::add_argument(const Tensor& tensor) {
  edge_of_.push_back(static_cast<int>(next_edges.size()));
  next_edges.push_back(tensor.defined() ? gradient_edge(tensor) : Edge{});
  inputs_.push_back(tensor);
}

void FunctionNode::finish_forward(variable_list& outs) {
  const variable_list inputs = std::move(inputs_);
  inputs_.clear();
  for (const Tensor& tensor : context.dirty_) {
    check_inplace(op().c_str(), tensor, inputs);
    tensor.storage()->bump_version();
  }
  if (any_requires_grad(inputs)) {
    const auto self = std::static_pointer_cast<FunctionNode>(shared_from_this());
    context.node_ = self;
    for (Tensor& out : outs) {
      const bool dirty = contains(context.dirty_, out);
      if (contains(inputs, out) && !dirty) out = out.detach();  // an input returned as it was
      outputs.push_back(metadata_of(out));
      if (contains(context.non_differentiable_, out) || !out.is_floating_point()) continue;
      (dirty ? rebase_history : set_history)(out, self, outputs.size() - 1);
    }
    for (const Tensor& tensor : context.to_save_) saved.emplace_back(tensor, contains(outs, tensor));
  }
  context.to_save_.clear();
  context.dirty_.clear();
  context.non_differentiable_.clear();
}

variable_list FunctionNode::materialized(const variable_list& grads) const {
  variable_list all = grads;
  for (size_t i = 0; context.materialize_grads_ && i < all.size(); ++i) {
    const GradientMetadata& out = outputs[i];
    if (!all[i].defined()) all[i] = zeros(out.sizes, TensorOptions(out.dtype).device(out.device));
  }
  return all;
}

variable_list FunctionNode::per_edge(variable_list results) const {
  const size_t expected = edge_of_.size();
  while (results.size() > expected && !results.back().defined()) results.pop_back();  // undefined ones too many do no harm
  check<AutogradError>(
      results.size() == expected,
      "{}: backward returned an incorrect number of gradients (expected {}, got {}): one per argument of forward.", op(),
      expected, results.size());
  variable_list wanted(next_edges.size());
  for (size_t i = 0; i < expected; ++i) {
    check<AutogradError>(
        edge_of_[i] >= 0 || !results[i].defined(),
        "{}: backward returned a gradient different than undefined at position {}, but the corresponding forward "
        "input was not a Variable.",
        op(), i);
    if (edge_of_[i] >= 0) wanted[static_cast<size_t>(edge_of_[i])] = std::move(results[i]);
  }
  return wanted;
}

}  // namespace tessera::autograd
