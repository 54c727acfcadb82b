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
// forward runs without recording. backward is recorded under create_graph, so that it may be differentiated if made of ops.
#pragma once

#include <algorithm>
#include <string>
#include <type_traits>
#include <unordered_map>

#include "core/autograd.h"

namespace tessera::autograd {

class AutogradContext {
 public:
  void save_for_backward(variable_list tensors) { to_save_ = std::move(tensors); }
  // In backward: the saved tensors. Throws AutogradError if one was written in place since.
  variable_list get_saved_variables() const {
    variable_list tensors;
    const std::shared_ptr<Node> node = node_.lock();
    check<AutogradError>(node != nullptr, "get_saved_variables: it is called in backward only");
    for (const SavedTensor& saved : node->saved) tensors.push_back(saved.unpack(node));
    return tensors;
  }
  // Declares inputs that forward wrote in place and returned.
  void mark_dirty(const variable_list& inputs) { dirty_ = inputs; }
  // Declares outputs without a gradient.
  void mark_non_differentiable(const variable_list& outputs) { non_differentiable_ = outputs; }

  std::unordered_map<std::string, Scalar> saved_data;

 private:
  template <class> friend class Function;
  variable_list to_save_, dirty_, non_differentiable_;
  std::weak_ptr<Node> node_;
};

template <class T> class Function {
 public:
  // Calls T::forward(ctx, args...) and records T::backward. The result is what forward returns: Tensor or variable_list.
  template <class... Args> static auto apply(Args&&... args) {
    auto node = std::make_shared<FunctionNode>(T::name());
    AutogradContext& ctx = node->context;
    variable_list inputs;
    std::vector<size_t> positions;  // of the tensors among the arguments
    size_t position = 0;
    const auto collect = [&](const auto& argument) {
      if constexpr (std::is_same_v<std::decay_t<decltype(argument)>, Tensor>) {
        inputs.push_back(argument);
        positions.push_back(position);
      }
      ++position;
    };
    (collect(args), ...);
    const bool recorded = any_requires_grad(inputs);
    // Edges are taken before forward, which may write its inputs in place.
    for (const Tensor& input : inputs) node->next_edges.push_back(input.defined() ? gradient_edge(input) : Edge{});
    node->positions = std::move(positions);
    using Result = decltype(T::forward(&ctx, std::forward<Args>(args)...));
    Result result = [&] {
      NoGradGuard no_grad;
      return T::forward(&ctx, std::forward<Args>(args)...);
    }();
    for (const Tensor& tensor : ctx.dirty_) {
      check_inplace(T::name(), tensor, inputs);
      tensor.storage()->bump_version();
    }
    if (!recorded) return result;
    if constexpr (std::is_same_v<Result, Tensor>) {
      variable_list outs{result};
      attach(node, inputs, outs);
      return outs[0];
    } else {
      attach(node, inputs, result);
      return result;
    }
  }

  static const char* name() { return "Function"; }

 private:
  struct FunctionNode : Node {
    explicit FunctionNode(const char* name) : Node(name) {}
    variable_list backward(const variable_list& grads) override {
      context.node_ = this->weak_from_this();
      const variable_list all = T::backward(&context, grads);
      variable_list wanted;
      for (size_t p : positions) wanted.push_back(p < all.size() ? all[p] : Tensor());
      return wanted;
    }
    AutogradContext context;
    std::vector<size_t> positions;
  };

  static bool contains(const variable_list& list, const Tensor& tensor) {
    return std::any_of(list.begin(), list.end(), [&](const Tensor& t) { return t.defined() && t.is_same(tensor); });
  }

  static void attach(const std::shared_ptr<FunctionNode>& node, const variable_list& inputs, variable_list& outs) {
    AutogradContext& ctx = node->context;
    for (Tensor& out : outs) {
      if (contains(inputs, out) && !contains(ctx.dirty_, out)) out = out.detach();  // an input returned as it was
      node->outputs.push_back({out.layout().sizes, out.dtype(), out.device()});
      if (contains(ctx.non_differentiable_, out) || !out.is_floating_point()) continue;
      if (contains(ctx.dirty_, out)) out.storage()->count_recorded_write();
      set_history(out, node, node->outputs.size() - 1);
    }
    for (const Tensor& tensor : ctx.to_save_) node->saved.emplace_back(tensor, contains(outs, tensor));
    ctx.to_save_.clear();
    ctx.dirty_.clear();
    ctx.non_differentiable_.clear();
  }
};

}  // namespace tessera::autograd
