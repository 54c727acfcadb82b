// Nodes and recording. Saved tensors are in saved_tensor.cpp, the backward pass is in engine.cpp.
#include "core/autograd.h"

#include <atomic>
#include <limits>
#include <unordered_set>

#include "core/ops.h"
#include "core/view_history.h"

namespace tessera {
namespace {

thread_local bool grad_mode = true;
thread_local bool inference_mode = false;

}  // namespace

bool GradMode::is_enabled() { return grad_mode; }
void GradMode::set_enabled(bool enabled) { grad_mode = enabled; }
bool InferenceMode::is_enabled() { return inference_mode; }
void InferenceMode::set_enabled(bool enabled) { inference_mode = enabled; }

namespace autograd {
namespace {

std::atomic<uint64_t> next_sequence_nr{1};
std::atomic<bool> anomaly_mode{false}, name_layers{false};
thread_local std::string current_layer;

// The end of the graph: adds what it is given to the .grad of a leaf.
struct AccumulateGrad : Node {
  explicit AccumulateGrad(const Tensor& leaf) : Node("AccumulateGrad"), meta(leaf.impl()->autograd) {
    sequence_nr_ = std::numeric_limits<uint64_t>::max();  // as soon as its gradient is complete
    outputs = {metadata_of(leaf)};
  }

  variable_list backward(const variable_list& grads) override {
    const std::shared_ptr<AutogradMeta> leaf = meta.lock();
    if (leaf == nullptr || !grads[0].defined()) return {};
    const Tensor& g = grads[0];
    if (!leaf->grad.defined()) {
      // The buffer may belong to someone else (an expanded view, a gradient that flows to two leaves, what a hook returned), so
      // it is taken over only when this is its only user: the engine's list.
      const bool exclusive =
          g.storage().use_count() == 1 && g.impl_ptr().use_count() == 1 && g.layout().is_dense() && !g.requires_grad();
      leaf->grad = GradMode::is_enabled() ? clone(g) : exclusive ? g : g.detach().clone();
    } else if (GradMode::is_enabled()) {
      leaf->grad = add(leaf->grad, g);
    } else {
      leaf->grad.add_(g);
    }
    return {};
  }

  std::string name() const override { return "tessera::autograd::AccumulateGrad"; }
  std::map<unsigned, TensorHook> hooks_on_gradients() const override {
    const std::shared_ptr<AutogradMeta> leaf = meta.lock();
    return leaf == nullptr ? std::map<unsigned, TensorHook>() : leaf->leaf_hooks;
  }

  std::weak_ptr<AutogradMeta> meta;
};

// What stands behind the results of a backward that cannot be differentiated again.
struct NotTwiceDifferentiable : Node {
  using Node::Node;
  variable_list backward(const variable_list&) override {
    throw AutogradError(
        fmt::format("{}: its backward runs a fused kernel and cannot be differentiated again. Compose the op "
                    "from differentiable ones where second derivatives are needed.",
                    op()));
  }
  std::string name() const override { return "NotTwiceDifferentiable(" + op() + ")"; }
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
    auto barrier = std::make_shared<NotTwiceDifferentiable>(op());
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
            BackwardFunction backward, bool once, bool in_place = false) {
  if (anomaly_mode) check_finite(name, outs, "forward");
  if (!any_requires_grad(inputs)) return;
  std::vector<Edge> edges;  // first: asking a view for its own may make a node
  for (const Tensor& input : inputs) edges.push_back(input.defined() ? gradient_edge(input) : Edge{});
  auto node = std::make_shared<OpNode>(name, std::move(backward), once);
  node->next_edges = std::move(edges);
  for (const Tensor& out : outs) {
    node->outputs.push_back(metadata_of(out));
    if (out.is_floating_point()) (in_place ? rebase_history : set_history)(out, node, node->outputs.size() - 1);
  }
  for (const Tensor& tensor : saved) {  // after the outputs have got their numbers
    bool is_output = false;
    for (const Tensor& out : outs) is_output |= tensor.defined() && tensor.is_same(out);
    node->saved.emplace_back(tensor, is_output);
  }
}

}  // namespace

Node::Node(std::string op) : sequence_nr_(next_sequence_nr++), op_(std::move(op)), layer_(current_layer) {}

std::string Node::name() const {
  std::string camel;
  bool upper = true;  // the first letter, and those behind an underscore or a digit
  for (const char c : op_) {
    if (c != '_') camel += static_cast<char>(upper ? std::toupper(c) : c);
    upper = c == '_' || (c >= '0' && c <= '9');
  }
  return camel + "Backward0";
}

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

bool any_requires_grad(const TensorList& inputs) {
  if (!GradMode::is_enabled()) return false;
  bool wanted = false, normal = false;
  for (const Tensor& input : inputs) {
    if (!input.defined()) continue;
    wanted |= input.requires_grad();
    normal |= !input.is_inference();
  }
  return wanted && normal;
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
  check<AutogradError>(!self.is_inference() || InferenceMode::is_enabled(),
                       "{}: Inplace update to inference tensor outside InferenceMode is not allowed. Use clone() to get a normal "
                       "tensor.",
                       name);
  if (!GradMode::is_enabled()) return;
  const TensorImpl& impl = *self.impl();
  if (self.requires_grad() || any_requires_grad(sources)) {
    check<AutogradError>(impl.origin == ViewOrigin::Recorded || !impl.is_view,
                         "{}: A view was created in {} mode and is being modified inplace with grad mode enabled. Take the view "
                         "where gradients are recorded, or write under NoGradGuard.",
                         name, impl.origin == ViewOrigin::NoGradMode ? "no_grad" : "inference");
  }
  const auto wanted_leaf = [](const Tensor& x) { return x.is_leaf() && x.requires_grad(); };
  check<AutogradError>(!wanted_leaf(self) && (impl.base == nullptr || !wanted_leaf(Tensor(impl.base))),
                       "{}: {}a leaf Variable that requires grad is being used in an in-place operation. Do it under "
                       "NoGradGuard, or use the op that is not in place.",
                       name, impl.base == nullptr ? "" : "a view of ");
}

const Tensor& record_inplace(const char* name, const Tensor& self, const TensorList& inputs, const TensorList& saved,
                             BackwardFunction backward) {
  self.storage()->bump_version();
  attach(name, inputs, {self}, saved, std::move(backward), false, /*in_place=*/true);
  return self;
}

AutogradMeta& ensure_meta(const Tensor& tensor) {
  auto& meta = tensor.impl()->autograd;
  if (meta == nullptr) meta = std::make_shared<AutogradMeta>();
  return *meta;
}

GradientMetadata metadata_of(const Tensor& t) { return {t.layout().sizes, t.dtype(), t.device()}; }

void set_history(const Tensor& out, const std::shared_ptr<Node>& node, size_t output_nr) {
  AutogradMeta& meta = ensure_meta(out);
  meta.grad_fn = node;
  meta.output_nr = static_cast<uint32_t>(output_nr);
  out.impl()->recorded_writes = out.storage()->recorded_writes();
}

void rebase_history(const Tensor& self, const std::shared_ptr<Node>& node, size_t output_nr) {
  self.storage()->count_recorded_write();
  if (self.impl()->base == nullptr)
    set_history(self, node, output_nr);
  else
    rebase_view(self, node, output_nr);
}

Edge gradient_edge(const Tensor& tensor) {
  if (!tensor.requires_grad()) return {};
  if (const std::shared_ptr<Node> node = tensor.grad_fn()) return {node, static_cast<uint32_t>(tensor.output_nr())};
  // A view that was made without recording: it requires a gradient as its base does, but none finds its way there.
  if (tensor.impl()->autograd == nullptr || !tensor.impl()->autograd->requires_grad) return {};
  AutogradMeta& meta = *tensor.impl()->autograd;
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
  check_finite(node.op().c_str(), results, "backward");
}

}  // namespace autograd

}  // namespace tessera
