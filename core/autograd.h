// The graph: what an op records, what it saves, and how gradients are asked for.
//
// Every op that runs while the grad mode is on and any of its inputs requires a gradient appends one Node. A node knows its
// backward function, the edges to the nodes that made its inputs, and the tensors that it saved; nothing else is kept alive.
// The gradient of an output `out` with cotangent g is the gradient of f(x) = dot(g, out(x)).
//
// Writing in place is allowed
//   1. where no graph is involved: under NoGradGuard, or if neither the target nor the source requires a gradient;
//   2. on any tensor but a leaf that requires a gradient and its views (AutogradError): it gets the op as its new grad_fn.
// A write to a view is a write to a part of the tensor that it was taken of, and recorded as that. What shares the memory stays
// right: a view's history is taken anew from that tensor after it was written (core/view_history.h). A view made without recording
// (NoGradGuard, InferenceMode) of a tensor that requires a gradient cannot be written once gradients are recorded.
// Each write counts up the storage's version; a saved tensor whose version has moved is refused when backward unpacks it.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <string>

#include "core/grad_mode.h"
#include "core/tensor.h"

namespace tessera {
using Variable = Tensor;
using variable_list = TensorList;
}  // namespace tessera

namespace tessera::autograd {

using tessera::AutoGradMode;
using tessera::GradMode;
using tessera::InferenceMode;
using tessera::Variable;
using tessera::variable_list;

class Node;

// Gradient number `input_nr` of `node` is where the gradient of some tensor goes. No node: no gradient is wanted.
struct Edge {
  std::shared_ptr<Node> node;
  uint32_t input_nr = 0;
};

// A tensor kept for backward. A leaf is held as it is. Anything else is held without its history, which could lead back here and
// would be a cycle; the place in the graph that it had is remembered beside it and given back on unpacking.
class SavedTensor {
 public:
  SavedTensor() = default;
  // is_output: of the node that saves it. Throws AutogradError for an inference tensor.
  SavedTensor(const Tensor& tensor, bool is_output);
  // Throws AutogradError if the tensor was written, or given other memory by set_data, since it was saved.
  Tensor unpack(const std::shared_ptr<Node>& owner) const;
  size_t nbytes() const { return tensor_.defined() ? tensor_.nbytes() : 0; }

 private:
  Tensor tensor_;
  std::weak_ptr<Storage> storage_;
  std::shared_ptr<Node> grad_fn_;  // of a non-leaf that another node made
  uint64_t version_ = 0;
  uint32_t output_nr_ = 0;
  bool is_output_ = false;
};

// Shape, dtype and device of a tensor whose gradient a node receives: the engine sums a gradient of a broadcast shape back to
// it and converts its dtype, in this one place.
struct GradientMetadata {
  DimVector sizes;
  ScalarType dtype = kFloat32;
  Device device = kCPU;
};

class Node : public std::enable_shared_from_this<Node> {
 public:
  explicit Node(std::string op);
  virtual ~Node();  // frees a chain of nodes without recursion
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // From the gradients of the forward outputs (undefined where none arrived) to those of the forward inputs (undefined where
  // none is wanted). Called by the engine.
  virtual variable_list backward(const variable_list& grads) = 0;
  virtual void release_saved() { saved.clear(); }

  // The op as the error messages call it: "mul". And as libtorch calls the node: "MulBackward0".
  const std::string& op() const { return op_; }
  virtual std::string name() const;
  // The layer that recorded it, as its parents name it ("layer1.0.conv1"); empty unless LayerScope was at work.
  const std::string& layer() const { return layer_; }
  uint64_t sequence_nr() const { return sequence_nr_; }  // order of creation: a node's inputs have smaller numbers
  size_t saved_bytes() const;
  bool needs_grad(size_t input) const { return next_edges[input].node != nullptr; }

  std::vector<Edge> next_edges;            // one per forward input
  std::vector<GradientMetadata> outputs;   // one per forward output
  std::vector<SavedTensor> saved;
  bool released = false;
  // Hooks on the gradient of output i, run before backward(); and on (gradients in, gradients out) after it.
  struct TensorHook {
    uint32_t output_nr;
    std::function<Tensor(const Tensor&)> call;
  };
  std::map<unsigned, TensorHook> tensor_hooks;
  unsigned next_hook = 0;
  virtual std::map<unsigned, TensorHook> hooks_on_gradients() const { return tensor_hooks; }  // a copy: one may remove itself
  std::vector<std::function<void(const Node&, const variable_list& grads, const variable_list& results)>> hooks;

 protected:
  uint64_t sequence_nr_;

 private:
  std::string op_, layer_;
};

// The autograd side of a tensor.
struct AutogradMeta {
  bool requires_grad = false;  // of a leaf
  bool retains_grad = false;
  Tensor grad;
  std::shared_ptr<Node> grad_fn;          // of a non-leaf
  uint32_t output_nr = 0;
  std::weak_ptr<Node> grad_accumulator;   // of a leaf: made when first needed
  std::map<unsigned, Node::TensorHook> leaf_hooks;
  unsigned next_hook = 0;
};

// Makes a gradient fit output i of `node`: sums the dimensions that broadcasting repeated, converts the dtype. The one place
// where broadcasting is undone. Throws ShapeError for any other shape.
Tensor fit_gradient(const Node& node, size_t i, Tensor grad);

// --- Recording an op ---------------------------------------------------------------------------------------------------------

// What a backward function sees.
class BackwardContext {
 public:
  BackwardContext(Node& node, const variable_list& grads) : node_(node), grads_(grads) {}
  const Tensor& grad(size_t output = 0) const { return grads_[output]; }  // undefined if that output was not used
  Tensor saved(size_t i) const { return node_.saved[i].unpack(node_.shared_from_this()); }
  bool needs_grad(size_t input) const { return node_.needs_grad(input); }

 private:
  Node& node_;
  const variable_list& grads_;
};

using BackwardFunction = std::function<variable_list(const BackwardContext&)>;

// True if the grad mode is on and any of the inputs requires a gradient, unless all of them are inference tensors.
bool any_requires_grad(const TensorList& inputs);

// Appends a node to the graph and returns `out`, now its output. Without need (grad mode off, no input requires a gradient) it
// does nothing.
//   inputs  the differentiable inputs in the order of the gradients that `backward` returns; undefined ones are allowed
//   saved   what backward needs, read by ctx.saved(i): inputs, or `out` itself. The function must capture no tensors.
// `backward` is made of ops, so that it can be differentiated again (create_graph).
Tensor record(const char* name, const TensorList& inputs, const Tensor& out, const TensorList& saved, BackwardFunction backward);
// The same for several outputs. Outputs of integer dtype get no gradient.
void record_all(const char* name, const TensorList& inputs, const TensorList& outs, const TensorList& saved,
                BackwardFunction backward);
// For a backward that calls kernels on raw memory: it can be differentiated once. Under create_graph its results carry a node
// that throws AutogradError when they are differentiated, never a silent zero.
Tensor record_once(const char* name, const TensorList& inputs, const Tensor& out, const TensorList& saved,
                   BackwardFunction backward);
void record_all_once(const char* name, const TensorList& inputs, const TensorList& outs, const TensorList& saved,
                     BackwardFunction backward);

// Call before writing into `self` in place (`sources`: what the op reads): applies the rules above and throws AutogradError.
// Afterwards call record_inplace, which counts up the version and, if needed, appends the node. inputs[0] is self.
void check_inplace(const char* name, const Tensor& self, const TensorList& sources = {});
const Tensor& record_inplace(const char* name, const Tensor& self, const TensorList& inputs, const TensorList& saved,
                             BackwardFunction backward);

// Where a tensor's gradient goes.
Edge gradient_edge(const Tensor& tensor);
AutogradMeta& ensure_meta(const Tensor& tensor);
GradientMetadata metadata_of(const Tensor& tensor);
void set_history(const Tensor& out, const std::shared_ptr<Node>& node, size_t output_nr);  // out is output output_nr of node
// The same for a tensor that `node` wrote in place: if it is a view, its base gets a new history too.
void rebase_history(const Tensor& self, const std::shared_ptr<Node>& node, size_t output_nr);

// Calls visit once for each node that can be reached from `root`, inputs after their users. Iterative.
void visit_graph(const std::shared_ptr<Node>& root, const std::function<void(Node&)>& visit);

// --- Asking for gradients ------------------------------------------------------------------------------------------------------

// Sum over tensors of backward(tensor, gradient).
void backward(const TensorList& tensors, const TensorList& gradients = {}, std::optional<bool> retain_graph = {},
              bool create_graph = false, const TensorList& inputs = {});

// The gradients of sum(dot(grad_outputs, outputs)) with respect to `inputs`, without touching any .grad.
// An input that the outputs do not depend on throws AutogradError, or gives an undefined tensor with allow_unused.
variable_list grad(const TensorList& outputs, const TensorList& inputs, const TensorList& grad_outputs = {},
                   std::optional<bool> retain_graph = {}, bool create_graph = false, bool allow_unused = false);

// While on, forward and backward stop at the first op whose result holds a NaN or an infinity, with an AutogradError that names
// it and its shapes. Costs one pass over each result.
void set_detect_anomaly(bool enabled);
bool detect_anomaly();
// Throws if a result of `node`'s backward is not finite. Called by the engine while anomaly detection is on.
void check_gradients_finite(const Node& node, const variable_list& results);

// While on, nodes know the layer that recorded them, and anomaly messages name it. Anomaly detection turns it on as well.
void set_layer_names(bool enabled);
bool layer_names();
// Names the layer at work on this thread; nested scopes join with a dot. Does nothing for an empty name, or while names are off.
// A module's call opens one (nn/module_holder.h).
class LayerScope {
 public:
  explicit LayerScope(const std::string& name);
  ~LayerScope();
  LayerScope(const LayerScope&) = delete;
  LayerScope& operator=(const LayerScope&) = delete;

 private:
  size_t outer_length_;  // of the name without this scope's
};

}  // namespace tessera::autograd
