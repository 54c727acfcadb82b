// autograd::Function: an op of one's own, with its own gradient, in the form of libtorch.
//
//     struct Cube : autograd::Function<Cube> {
//       static Tensor forward(autograd::AutogradContext* ctx, const Tensor& x, double scale) {
//         ctx->save_for_backward({x});
//         ctx->saved_data["scale"] = scale;
//         return scale * x * x * x;
//       }
//       static variable_list backward(autograd::AutogradContext* ctx, const variable_list& grads) {
//         const Tensor x = ctx->get_saved_variables()[0];
//         return {grads[0] * 3 * ctx->saved_data["scale"].to<double>() * x * x, Tensor()};  // one entry per argument of forward
//       }
//     };
//     Tensor y = Cube::apply(x, 2.0);
//
// forward runs without recording. Its arguments may be of any type; tensors, optional tensors and lists of tensors are the
// differentiable ones (each element of a list counts as one argument). backward gets one gradient per output and returns one per
// argument, undefined for those that are no tensors; it is recorded under create_graph, so that it may be differentiated if made of
// ops.
#pragma once

#include <string>
#include <type_traits>
#include <typeinfo>
#include <unordered_map>

#include "core/autograd.h"
#include "core/ivalue.h"

namespace tessera::autograd {

class FunctionNode;

class AutogradContext {
 public:
  void save_for_backward(variable_list tensors) { to_save_ = std::move(tensors); }
  // In backward: the saved tensors. Throws AutogradError if one was written in place since.
  variable_list get_saved_variables() const;
  // Declares inputs that forward wrote in place and returned.
  void mark_dirty(const variable_list& inputs) { dirty_ = inputs; }
  // Declares outputs without a gradient.
  void mark_non_differentiable(const variable_list& outputs) { non_differentiable_ = outputs; }
  // Whether backward sees zeros, and not an undefined tensor, for an output that nobody used: yes unless set.
  void set_materialize_grads(bool value) { materialize_grads_ = value; }
  // Whether argument i of forward wants a gradient.
  bool needs_input_grad(size_t i) const;

  std::unordered_map<std::string, IValue> saved_data;

 private:
  friend class FunctionNode;
  variable_list to_save_, dirty_, non_differentiable_;
  bool materialize_grads_ = true;
  std::weak_ptr<FunctionNode> node_;
};

// The part of Function that does not depend on its type.
class FunctionNode : public Node {
 public:
  FunctionNode(const char* op, std::string name) : Node(op), name_(std::move(name)) {}
  std::string name() const override { return name_; }

  // The arguments of forward, in turn. Edges are taken now: forward may write its inputs in place.
  void add_argument(const Tensor& tensor);
  void add_argument(const std::optional<Tensor>& tensor) { add_argument(tensor.value_or(Tensor())); }
  void add_argument(const variable_list& tensors) {
    for (const Tensor& tensor : tensors) add_argument(tensor);
  }
  template <class T> void add_argument(const T&) { edge_of_.push_back(-1); }

  // After forward: makes `outs` outputs of this node, if any argument requires a gradient.
  void finish_forward(variable_list& outs);

  AutogradContext context;

 protected:
  variable_list materialized(const variable_list& grads) const;
  // What T::backward returned, one per argument, to one per edge. Throws AutogradError for a wrong number.
  variable_list per_edge(variable_list results) const;

 private:
  friend class AutogradContext;
  std::string name_;
  variable_list inputs_;
  std::vector<int> edge_of_;  // per argument: the number of its edge, -1 for what is no tensor
};

std::string function_name(const std::type_info& type);  // "CppNode<MyFunction>"

template <class T> class Function {
 public:
  // Calls T::forward(ctx, args...) and records T::backward. The result is what forward returns: Tensor or variable_list.
  template <class X = T, class... Args> static auto apply(Args&&... args)
      -> decltype(X::forward(static_cast<AutogradContext*>(nullptr), std::forward<Args>(args)...)) {
    const auto node = std::make_shared<TypedNode<X>>(X::name(), own_name<X>());
    (node->add_argument(args), ...);
    auto result = [&] {
      NoGradGuard no_grad;
      return X::forward(&node->context, std::forward<Args>(args)...);
    }();
    if constexpr (std::is_same_v<decltype(result), Tensor>) {
      variable_list outs{result};
      node->finish_forward(outs);
      return outs[0];
    } else {
      node->finish_forward(result);
      return result;
    }
  }

  // The op's name in error messages and, if a type gives its own, of its node.
  static const char* name() { return "Function"; }

 private:
  template <class X> struct TypedNode : FunctionNode {
    using FunctionNode::FunctionNode;
    variable_list backward(const variable_list& grads) override { return per_edge(X::backward(&context, materialized(grads))); }
  };
  template <class X> static std::string own_name() {
    return &X::name == &Function::name ? function_name(typeid(X)) : std::string(X::name());
  }
};

}  // namespace tessera::autograd
