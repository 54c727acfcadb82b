// Nodes, saved tensors and recording. The backward pass is in engine.cpp.
#include "core/autograd.h"

#include <atomic>
#include <limits>
#include <unordered_set>

#include "core/ops.h"

namespace tessera {
namespace {

thread_local bool grad_mode = true;

}  // namespace

bool GradMode::is_enabled() { return grad_mode; }
void GradMode::set_enabled(bool enabled) { grad_mode = enabled; }

namespace autograd {
namespace {

std::atomic<uint64_t> next_sequence_nr{1};
std::atomic<bool> anomaly_mode{false}, name_layers{false};
thread_local std::string current_layer;

GradientMetadata metadata_of(const Tensor& t) { return {t.layout().sizes, t.dtype(), t.device()}; }

// The end of the graph: adds what it is given to the .grad of a leaf.
struct AccumulateGrad : Node {
  explicit AccumulateGrad(const Tensor& leaf) : Node("AccumulateGrad"), meta(leaf.impl()->autograd) {
    sequence_nr_ = std::numeric_limits<uint64_t>::max();  // as soon as its gradient is complete
    outputs = {metadata_of(leaf)};
  }

  variable_list backward(const variable_list& grads) override {
    const std::shared_ptr<AutogradMeta> leaf = meta.lock();
    if (leaf == nullptr || !grads[0].defined()) return {};
    Tensor g = grads[0];
    const auto hooks = leaf->leaf_hooks;  // a copy: a hook may remove itself
    for (const auto& [handle, hook] : hooks)
      if (Tensor replaced = hook(g); replaced.defined()) g = fit_gradient(*this, 0, std::move(replaced));
    if (!leaf->grad.defined()) {
      // The buffer may belong to someone else (an expanded view, a gradient that flows to two leaves, what a hook returned), so
      // it is taken over only when this is its only user. `g` and the engine's list hold one reference each.
      const bool exclusive = g.is_same(grads[0]) && g.storage().use_count() == 1 && g.impl_ptr().use_count() == 2 &&
                             g.layout().is_dense() && !g.requires_grad();
      leaf->grad = GradMode::is_enabled() ? clone(g) : exclusive ? g : g.detach().clone();
    } else if (GradMode::is_enabled()) {
      leaf->grad = add(leaf->grad, g);
    } else {
      leaf->grad.add_(g);
    }
    return {};
  }

  std::weak_ptr<AutogradMeta> meta;
};

// What stands behind the results of a backward that cannot be differentiated again.
struct NotTwiceDifferentiable : Node {
  explicit NotTwiceDifferentiable(std::string op) : Node("NotTwiceDifferentiable(" + op + ")"), op(std::move(op)) {}
  variable_list backward(const variable_list&) override {
    throw AutogradError(fmt::format("{}: its backward runs a fused kernel and cannot be differentiated again. Compose the op "
                                    "from differentiable ones where second derivatives are needed.",
                                    op));
  }
  std::string op;
};

struct OpNode : Node {
  OpNode(const char* name, BackwardFunction function, bool once)
      : Node(name), function(std::move(function)), once(once) {}

  variable_list backward(const variable_list& grads) override {
    if (!once || !GradMode::is_enabled()) return function(BackwardContext(*this, grads));
    variable_list results;
    {
      NoGradGuard no_grad;
      results = function(BackwardContext(*this, grads));
    }
    // create_graph: let what depends on the results find out, with the name of this op, if it is differentiated.
    auto barrier = std::make_shared<NotTwiceDifferentiable>(name());
    barrier->next_edges = next_edges;
    for (const Tensor& g : grads)
      if (g.defined() && g.requires_grad()) barrier->next_edges.push_back(gradient_edge(g));
    for (Tensor& result : results) {
      if (!result.defined()) continue;
      result = result.detach();
      set_history(result, barrier, barrier->outputs.size());
      barrier->outputs.push_back(metadata_of(result));
    }
    return results;
  }

  void release_saved() override {
    Node::release_saved();
    function = nullptr;
  }

  BackwardFunction function;
  bool once;
};

void check_finite(const char* name, const TensorList& results, const char* pass) {
  for (const Tensor& t : results) {
    if (!t.defined() || !t.is_floating_point()) continue;
    NoGradGuard no_grad;
    if (all(isfinite(t)).item<bool>()) continue;
    const std::string where = current_layer.empty() ? "" : " in layer " + current_layer;
    throw AutogradError(fmt::format("{}: the {} result of shape {} holds a NaN or an infinity{}. Look at its inputs: a learning "
                                    "rate that is too high, a log or a division at zero.",
                                    name, pass, t.sizes(), where));
  }
}

void attach(const char* name, const TensorList& inputs, const TensorList& outs, const TensorList& saved,
            BackwardFunction backward, bool once) {
  if (anomaly_mode) check_finite(name, outs, "forward");
  if (!any_requires_grad(inputs)) return;
  auto node = std::make_shared<OpNode>(name, std::move(backward), once);
  for (const Tensor& input : inputs) node->next_edges.push_back(input.defined() ? gradient_edge(input) : Edge{});
  for (const Tensor& out : outs) {
    if (out.is_floating_point()) set_history(out, node, node->outputs.size());
    node->outputs.push_back(metadata_of(out));
  }
  for (const Tensor& tensor : saved) {  // after the outputs have got their numbers
    bool is_output = false;
    for (const Tensor& out : outs) is_output |= tensor.defined() && tensor.is_same(out);
    node->saved.emplace_back(tensor, is_output);
  }
}

}  // namespace

Node::Node(std::string name) : sequence_nr_(next_sequence_nr++), name_(std::move(name)), layer_(current_layer) {}

// A chain of a million nodes must not be a million nested destructors: each node hands its edges and saved tensors to the list
// of the outermost destructor on this thread, which empties it in a loop.
Node::~Node() {
  struct Remains {
    std::vector<Edge> edges;
    std::vector<SavedTensor> saved;
  };
  thread_local std::vector<Remains>* pending = nullptr;
  Remains mine{std::move(next_edges), std::move(saved)};
  if (pending != nullptr) {
    pending->push_back(std::move(mine));
    return;
  }
  std::vector<Remains> list;
  list.push_back(std::move(mine));
  pending = &list;
  while (!list.empty()) {
    const Remains last = std::move(list.back());
    list.pop_back();
  }
  pending = nullptr;
}

size_t Node::saved_bytes() const {
  size_t total = 0;
  for (const SavedTensor& tensor : saved) total += tensor.nbytes();
  return total;
}

SavedTensor::SavedTensor(const Tensor& tensor, bool is_output) {
  if (!tensor.defined()) return;
  is_output_ = is_output && tensor.grad_fn() != nullptr;  // integer outputs have none
  tensor_ = is_output ? tensor.detach() : tensor;
  storage_ = tensor.storage();
  version_ = tensor._version();
  output_nr_ = static_cast<uint32_t>(tensor.output_nr());
}

Tensor SavedTensor::unpack(const std::shared_ptr<Node>& owner) const {
  if (!tensor_.defined()) return {};
  check<AutogradError>(storage_.lock() == tensor_.storage(),
                       "{}: a tensor of shape {} that its backward needs was given other memory (set_data, or Module::to). Do "
                       "that before forward or after backward.",
                       owner->name(), tensor_.sizes());
  check<AutogradError>(tensor_._version() == version_,
                       "{}: a tensor of shape {} that its backward needs was written in place (version {} was saved, it is now "
                       "{}). Use the op that is not in place, or clone() before writing.",
                       owner->name(), tensor_.sizes(), version_, tensor_._version());
  if (!is_output_) return tensor_;
  Tensor out = tensor_.detach();
  set_history(out, owner, output_nr_);
  return out;
}

bool any_requires_grad(const TensorList& inputs) {
  if (!GradMode::is_enabled()) return false;
  for (const Tensor& input : inputs)
    if (input.defined() && input.requires_grad()) return true;
  return false;
}

Tensor record(const char* name, const TensorList& inputs, const Tensor& out, const TensorList& saved, BackwardFunction backward) {
  attach(name, inputs, {out}, saved, std::move(backward), false);
  return out;
}

void record_all(const char* name, const TensorList& inputs, const TensorList& outs, const TensorList& saved,
                BackwardFunction backward) {
  attach(name, inputs, outs, saved, std::move(backward), false);
}

Tensor record_once(const char* name, const TensorList& inputs, const Tensor& out, const TensorList& saved,
                   BackwardFunction backward) {
  attach(name, inputs, {out}, saved, std::move(backward), true);
  return out;
}

void record_all_once(const char* name, const TensorList& inputs, const TensorList& outs, const TensorList& saved,
                     BackwardFunction backward) {
  attach(name, inputs, outs, saved, std::move(backward), true);
}

void check_inplace(const char* name, const Tensor& self, const TensorList& sources) {
  for (size_t d = 0; d < self.sizes().size(); ++d)
    check<ValueError>(self.strides()[d] != 0 || self.sizes()[d] <= 1,
                      "{}: the tensor of shape {} is expanded: dimension {} repeats the same memory. Use clone() before writing.",
                      name, self.sizes(), d);
  if (!GradMode::is_enabled()) return;
  check<AutogradError>(!(self.is_leaf() && self.requires_grad()),
                       "{}: a leaf that requires a gradient cannot be written in place. Do it under NoGradGuard, or use the op "
                       "that is not in place.",
                       name);
  const bool graph = self.requires_grad() || any_requires_grad(sources);
  check<AutogradError>(
      !graph || !self.is_view(),
      "{}: a view cannot be written in place while gradients are recorded. Use clone() first, or cat/stack/where "
      "to build the result.",
      name);
}

const Tensor& record_inplace(const char* name, const Tensor& self, const TensorList& inputs, const TensorList& saved,
                             BackwardFunction backward) {
  self.storage()->bump_version();
  if (any_requires_grad(inputs)) self.storage()->count_recorded_write();
  attach(name, inputs, {self}, saved, std::move(backward), false);
  return self;
}

AutogradMeta& ensure_meta(const Tensor& tensor) {
  auto& meta = tensor.impl()->autograd;
  if (meta == nullptr) meta = std::make_shared<AutogradMeta>();
  return *meta;
}

void set_history(const Tensor& out, const std::shared_ptr<Node>& node, size_t output_nr) {
  AutogradMeta& meta = ensure_meta(out);
  meta.grad_fn = node;
  meta.output_nr = static_cast<uint32_t>(output_nr);
  meta.recorded_writes = out.storage()->recorded_writes();
}

Edge gradient_edge(const Tensor& tensor) {
  if (!tensor.requires_grad()) return {};
  AutogradMeta& meta = ensure_meta(tensor);
  if (meta.grad_fn != nullptr) {
    check<AutogradError>(!tensor.is_view() || meta.recorded_writes == tensor.storage()->recorded_writes(),
                         "{}: the tensor that this view of shape {} was taken from has been written in place since, so its "
                         "gradient would be wrong. Take the view again after the write.",
                         meta.grad_fn->name(), tensor.sizes());
    return {meta.grad_fn, meta.output_nr};
  }
  std::shared_ptr<Node> accumulator = meta.grad_accumulator.lock();
  if (accumulator == nullptr) {
    accumulator = std::make_shared<AccumulateGrad>(tensor);
    meta.grad_accumulator = accumulator;
  }
  return {accumulator, 0};
}

void visit_graph(const std::shared_ptr<Node>& root, const std::function<void(Node&)>& visit) {
  // Depth first with an explicit stack of (node, next edge to follow); a node is put out when its inputs are done.
  std::unordered_set<const Node*> seen{root.get()};
  std::vector<std::pair<Node*, size_t>> stack{{root.get(), 0}};
  std::vector<Node*> done;
  while (!stack.empty()) {
    auto& [node, next] = stack.back();
    if (next == node->next_edges.size()) {
      done.push_back(node);
      stack.pop_back();
      continue;
    }
    Node* const child = node->next_edges[next++].node.get();
    if (child != nullptr && seen.insert(child).second) stack.emplace_back(child, 0);
  }
  for (auto it = done.rbegin(); it != done.rend(); ++it) visit(**it);
}

void set_detect_anomaly(bool enabled) { anomaly_mode = enabled; }
bool detect_anomaly() { return anomaly_mode; }

void set_layer_names(bool enabled) { name_layers = enabled; }
bool layer_names() { return name_layers || anomaly_mode; }
LayerScope::LayerScope(const std::string& name) : outer_length_(current_layer.size()) {
  if (layer_names() && !name.empty()) current_layer += (current_layer.empty() ? "" : ".") + name;
}
LayerScope::~LayerScope() { current_layer.resize(outer_length_); }

void check_gradients_finite(const Node& node, const variable_list& results) {
  check_finite(node.name().c_str(), results, "backward");
}

}  // namespace autograd

// --- Tensor's side ---

void Tensor::retain_grad() const {
  check<AutogradError>(requires_grad(), "retain_grad: the tensor does not require a gradient");
  if (is_leaf() || impl_->autograd->retains_grad) return;
  impl_->autograd->retains_grad = true;
  register_hook([meta = std::weak_ptr(impl_->autograd)](const Tensor& g) -> Tensor {
    if (auto m = meta.lock()) m->grad = m->grad.defined() ? tessera::add(m->grad, g) : g;
    return {};
  });
}

unsigned Tensor::register_hook(std::function<Tensor(const Tensor&)> hook) const {
  check<AutogradError>(requires_grad(), "register_hook: the tensor does not require a gradient");
  static std::atomic<unsigned> next_handle{0};
  const unsigned handle = next_handle++;
  autograd::AutogradMeta& meta = *impl_->autograd;
  if (meta.grad_fn != nullptr) meta.grad_fn->tensor_hooks[handle] = {meta.output_nr, std::move(hook)};
  else meta.leaf_hooks[handle] = std::move(hook);
  return handle;
}

void Tensor::remove_hook(unsigned handle) const {
  if (impl_->autograd == nullptr) return;
  impl_->autograd->leaf_hooks.erase(handle);
  if (impl_->autograd->grad_fn != nullptr) impl_->autograd->grad_fn->tensor_hooks.erase(handle);
}

}  // namespace tessera
