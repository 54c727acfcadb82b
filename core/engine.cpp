// The backward pass: walk the graph from the outputs to the leaves, each node once, when all its gradients have arrived.
#include <queue>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/ops.h"

namespace tessera::autograd {

Tensor fit_gradient(const Node& node, size_t i, Tensor grad) {
  const GradientMetadata& wanted = node.outputs[i];
  if (!(grad.sizes() == IntArrayRef(wanted.sizes))) {
    const int64_t lead = grad.dim() - static_cast<int64_t>(wanted.sizes.size());
    bool fits = lead >= 0;
    for (size_t d = 0; fits && d < wanted.sizes.size(); ++d)
      fits = wanted.sizes[d] == 1 || wanted.sizes[d] == grad.sizes()[static_cast<size_t>(lead) + d];
    check<ShapeError>(fits, "the gradient of output {} of {} has shape {}, but the expected shape is {}", i, node.op(),
                      grad.sizes(), wanted.sizes);
    grad = sum_to(grad, wanted.sizes);
  }
  return grad.dtype() == wanted.dtype ? grad : grad.to(wanted.dtype);
}

namespace {

struct Task {
  std::shared_ptr<Node> node;
  bool operator<(const Task& other) const { return node->sequence_nr() < other.node->sequence_nr(); }
};

class Engine {
 public:
  Engine(bool retain_graph, bool create_graph) : retain_graph_(retain_graph), create_graph_(create_graph), mode_(create_graph) {}

  void add_root(const Edge& edge, const Tensor& gradient) {
    roots_.push_back(edge.node);
    accumulate(edge, gradient);
  }

  // Run only what lies between the roots and these edges, and keep the gradients that arrive there.
  void capture(const Edge& edge) { captures_[edge.node.get()].push_back(edge.input_nr); }
  Tensor captured(const Edge& edge) const {
    const auto it = captured_.find(edge.node.get());
    return it == captured_.end() ? Tensor() : it->second[edge.input_nr];
  }
  // With accumulate_captured, captured leaves also add to their .grad (backward(inputs = ...)).
  void run(bool accumulate_captured) {
    const Depth depth;
    if (depth.is_too_deep())
      run_on_another_stack(accumulate_captured);
    else
      walk(accumulate_captured);
  }

 private:
  // A backward function may call backward itself. Each such level stays on the stack, so that every now and then one is given to a
  // thread with a stack of its own.
  class Depth {
   public:
    Depth() { ++depth(); }
    ~Depth() { --depth(); }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;
    bool is_too_deep() const { return depth() > 64; }

   private:
    static int& depth() {
      thread_local int value = 0;
      return value;
    }
  };

  void run_on_another_stack(bool accumulate_captured) {
    std::exception_ptr error;
    std::thread([&] {
      const AutoGradMode mode(create_graph_);
      try {
        walk(accumulate_captured);
      } catch (...) {
        error = std::current_exception();
      }
    }).join();
    if (error != nullptr) std::rethrow_exception(error);
  }

  void walk(bool accumulate_captured) {
    const autocast::Off no_autocast;
    count_dependencies();
    std::priority_queue<Task> ready;
    for (const auto& root : roots_)
      if (dependencies_[root.get()] == 0 && queued_.insert(root.get()).second) ready.push({root});
    while (!ready.empty()) {
      const std::shared_ptr<Node> node = ready.top().node;
      ready.pop();
      variable_list grads = take_gradients(*node);
      run_tensor_hooks(*node, grads);
      const auto capture = captures_.find(node.get());
      if (capture != captures_.end()) captured_[node.get()] = grads;
      const bool runs = captures_.empty() || needed_[node.get()] || (capture != captures_.end() && accumulate_captured);
      const variable_list results = runs ? call(*node, grads) : variable_list();
      grads.clear();
      for (size_t i = 0; i < node->next_edges.size(); ++i) {
        const Edge& edge = node->next_edges[i];
        if (edge.node == nullptr) continue;
        if (i < results.size() && results[i].defined()) accumulate(edge, results[i]);
        if (--dependencies_[edge.node.get()] == 0) ready.push({edge.node});
      }
    }
  }

  // For each reachable node, how many edges lead to it; and whether a captured edge lies below it.
  void count_dependencies() {
    std::unordered_set<Node*> seen;
    std::vector<std::pair<Node*, size_t>> stack;  // (node, next edge to follow)
    for (const auto& root : roots_) {
      if (seen.insert(root.get()).second) stack.emplace_back(root.get(), 0);
      while (!stack.empty()) {
        auto& [node, next] = stack.back();
        if (next < node->next_edges.size()) {
          Node* const input = node->next_edges[next++].node.get();
          if (input == nullptr) continue;
          ++dependencies_[input];
          if (seen.insert(input).second) stack.emplace_back(input, 0);
          continue;
        }
        // All inputs of this node are done.
        bool needed = false;
        for (const Edge& edge : node->next_edges)
          if (edge.node != nullptr) needed = needed || needed_[edge.node.get()] || captures_.count(edge.node.get()) > 0;
        if (!captures_.empty()) needed_[node] = needed;
        stack.pop_back();
      }
    }
  }

  variable_list take_gradients(Node& node) {
    variable_list grads = std::move(gradients_[&node]);
    gradients_.erase(&node);
    grads.resize(node.outputs.size());
    return grads;
  }

  static void run_tensor_hooks(Node& node, variable_list& grads) {
    const auto hooks = node.hooks_on_gradients();
    for (const auto& [handle, hook] : hooks) {
      Tensor& grad = grads[hook.output_nr];
      if (!grad.defined()) continue;
      if (Tensor replaced = hook.call(grad); replaced.defined()) grad = fit_gradient(node, hook.output_nr, std::move(replaced));
    }
  }

  variable_list call(Node& node, const variable_list& grads) {
    bool any = false;
    for (const Tensor& grad : grads) any |= grad.defined();
    if (!any) return {};
    check<AutogradError>(!node.released,
                         "backward: the graph was freed by an earlier backward pass (at {}). Pass retain_graph = true to the "
                         "first one to walk it twice.",
                         node.op());
    const LayerScope scope(node.layer());
    variable_list results = node.backward(grads);
    if (detect_anomaly()) check_gradients_finite(node, results);
    for (const auto& hook : node.hooks) hook(node, grads, results);
    if (!retain_graph_ && !node.next_edges.empty()) {
      node.released = true;
      node.release_saved();
    }
    return results;
  }

  void accumulate(const Edge& edge, const Tensor& gradient) {
    variable_list& slots = gradients_[edge.node.get()];
    slots.resize(edge.node->outputs.size());
    Tensor& slot = slots[edge.input_nr];
    Tensor grad = fit_gradient(*edge.node, edge.input_nr, gradient);
    if (!slot.defined()) {
      slot = std::move(grad);
    } else if (!GradMode::is_enabled() && slot.impl_ptr().use_count() == 1 && slot.storage().use_count() == 1 &&
               slot.layout().is_dense()) {
      slot.add_(grad);  // nobody else sees this memory
    } else {
      slot = add(slot, grad);
    }
  }

  const bool retain_graph_, create_graph_;
  const AutoGradMode mode_;
  std::vector<std::shared_ptr<Node>> roots_;
  std::unordered_map<Node*, int64_t> dependencies_;
  std::unordered_map<Node*, variable_list> gradients_;
  std::unordered_map<Node*, std::vector<uint32_t>> captures_;
  std::unordered_map<Node*, variable_list> captured_;
  std::unordered_map<Node*, bool> needed_;
  std::unordered_set<Node*> queued_;
};

Tensor initial_gradient(const char* op, const Tensor& tensor, const TensorList& gradients, size_t i) {
  check<AutogradError>(tensor.requires_grad(),
                       "{}: element {} of tensors does not require grad and does not have a grad_fn. Was it made under "
                       "NoGradGuard, or from inputs without requires_grad?",
                       op, i);
  if (i < gradients.size() && gradients[i].defined()) {
    check<ShapeError>(gradients[i].sizes() == tensor.sizes(), "{}: the gradient has shape {}, the tensor {}", op,
                      gradients[i].sizes(), tensor.sizes());
    return gradients[i];
  }
  check<ShapeError>(tensor.numel() == 1,
                    "{}: grad can be implicitly created only for scalar outputs, the tensor has shape {}. Pass a gradient.", op,
                    tensor.sizes());
  return ones_like(tensor);
}

}  // namespace

void backward(const TensorList& tensors, const TensorList& gradients, std::optional<bool> retain_graph, bool create_graph,
              const TensorList& inputs) {
  Engine engine(retain_graph.value_or(create_graph), create_graph);
  for (size_t i = 0; i < tensors.size(); ++i)
    engine.add_root(gradient_edge(tensors[i]), initial_gradient("backward", tensors[i], gradients, i));
  for (const Tensor& input : inputs) {
    check<AutogradError>(
        input.is_leaf() && input.requires_grad(),
        "backward: one of `inputs`, of shape {}, is not a leaf Tensor that requires a gradient. Use autograd::grad.",
        input.sizes());
    engine.capture(gradient_edge(input));
  }
  engine.run(true);
}

variable_list grad(const TensorList& outputs, const TensorList& inputs, const TensorList& grad_outputs,
                   std::optional<bool> retain_graph, bool create_graph, bool allow_unused) {
  Engine engine(retain_graph.value_or(create_graph), create_graph);
  for (size_t i = 0; i < outputs.size(); ++i)
    engine.add_root(gradient_edge(outputs[i]), initial_gradient("grad", outputs[i], grad_outputs, i));
  for (const Tensor& input : inputs) {
    check<AutogradError>(input.requires_grad(), "grad: an input does not require a gradient");
    engine.capture(gradient_edge(input));
  }
  engine.run(false);
  variable_list results;
  for (const Tensor& input : inputs) {
    results.push_back(engine.captured(gradient_edge(input)));
    check<AutogradError>(allow_unused || results.back().defined(),
                         "grad: the outputs do not depend on an input of shape {}. Set allow_unused=True to get an undefined "
                         "tensor for it.",
                         input.sizes());
  }
  return results;
}

}  // namespace tessera::autograd
