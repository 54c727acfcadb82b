#include "tools/layer_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>

#include "core/allocator.h"
#include "core/autograd.h"
#include "core/ops.h"

namespace tessera::tools {
namespace {

using autograd::Node;

struct LayerNamesGuard {
  LayerNamesGuard() { autograd::set_layer_names(true); }
  ~LayerNamesGuard() { autograd::set_layer_names(before); }
  const bool before = autograd::layer_names();
};

int64_t product(const DimVector& sizes) {
  int64_t n = 1;
  for (const int64_t size : sizes) n *= size;
  return n;
}

Tensor saved(Node& node, size_t i) { return node.saved[i].unpack(node.shared_from_this()); }

// A convolution does one multiply-add for each output element and each weight of its filter; a transposed one for each input
// element and each weight that it meets; a product [.., M, K] x [.., K, N] K for each output element.
int64_t multiply_adds(Node& node) {
  static const std::set<std::string> products = {"mm", "bmm", "dot", "matmul", "addmm", "linear"};
  const bool forward = node.op() == "conv2d", transposed = node.op() == "conv_transpose2d";
  if (!forward && !transposed && !products.contains(node.op())) return 0;
  const Tensor a = saved(node, 0), b = saved(node, 1);
  if (!forward && !transposed) return product(node.outputs[0].sizes) * a.size(-1);
  const int64_t per_filter = b.numel() / b.size(0);
  return (forward ? product(node.outputs[0].sizes) : a.numel()) * per_filter;
}

// The ops of the pass in the order in which they ran.
std::vector<Node*> ops_of(const Tensor& out) {
  std::vector<Node*> nodes;
  autograd::visit_graph(out.grad_fn(), [&](Node& node) {
    if (!node.next_edges.empty()) nodes.push_back(&node);  // without the ends, which add to the leaves' gradients
  });
  std::sort(nodes.begin(), nodes.end(), [](Node* a, Node* b) { return a->sequence_nr() < b->sequence_nr(); });
  return nodes;
}

std::string type_of(const nn::Module& module) {
  std::string type = module.name().substr(module.name().rfind(':') + 1);
  if (type.ends_with("Impl")) type.resize(type.size() - 4);
  return type;
}

int64_t count(const TensorList& tensors) {
  int64_t n = 0;
  for (const Tensor& t : tensors) n += t.numel();
  return n;
}

// Turns ops into rows: consecutive ops of one layer are one call of it.
class Rows {
 public:
  explicit Rows(const nn::Module& root) : root_(root), modules_(root.named_modules()) {
    for (const Tensor& t : root.parameters()) seen_storages_.insert(t.storage().get());
    for (const Tensor& t : root.buffers()) seen_storages_.insert(t.storage().get());
  }

  void add(Node& node) {
    if (summary.empty() || layer_ != node.layer()) start(node.layer());
    LayerRow& row = summary.back();
    if (!is_leaf_) {
      const std::string& op = node.op();
      if (!row.type.ends_with(op)) row.type += (row.type.empty() ? "" : ", ") + op;
    }
    row.output = node.outputs[0].sizes;
    row.output_bytes = product(row.output) * static_cast<int64_t>(element_size(node.outputs[0].dtype));
    row.multiply_adds += multiply_adds(node);
    for (size_t i = 0; i < node.saved.size(); ++i) {
      if (node.saved[i].nbytes() == 0) continue;
      const Tensor tensor = saved(node, i);
      if (seen_storages_.insert(tensor.storage().get()).second) row.saved_bytes += static_cast<int64_t>(tensor.storage()->nbytes());
    }
  }

  // Layers with parameters of their own that no row has.
  std::vector<LayerRow> idle() const {
    std::vector<LayerRow> rows;
    for (const auto& item : modules_) {
      const int64_t parameters = count(item.value()->parameters(/*recurse=*/false));
      if (parameters > 0 && !seen_layers_.contains(item.key()))
        rows.push_back({.name = item.key(), .type = type_of(*item.value()), .parameters = parameters});
    }
    return rows;
  }

  std::vector<LayerRow> summary;

 private:
  void start(const std::string& layer) {
    layer_ = layer;
    LayerRow row{.name = layer};
    const bool known = layer.empty() || modules_.contains(layer);
    const nn::Module* const module = layer.empty() ? &root_ : known ? modules_[layer].get() : nullptr;
    is_leaf_ = module != nullptr && module->children().empty();
    if (is_leaf_) row.type = type_of(*module);
    if (module != nullptr && seen_layers_.insert(layer).second) row.parameters = count(module->parameters(/*recurse=*/false));
    summary.push_back(row);
  }

  const nn::Module& root_;
  const OrderedDict<std::string, std::shared_ptr<nn::Module>> modules_;
  std::string layer_;
  bool is_leaf_ = false;
  std::set<std::string> seen_layers_;
  std::unordered_set<const void*> seen_storages_;
};

// The largest number of bytes in tensors while f runs, above those before.
template <class F> int64_t peak_of(const F& f) {
  const int64_t before = memory_stats().allocated;
  reset_peak_memory_stats();
  f();
  return memory_stats().peak_allocated - before;
}

std::string shape_text(const DimVector& sizes) {
  std::string text;
  for (const int64_t size : sizes) text += (text.empty() ? "" : "x") + std::to_string(size);
  return text;
}

std::string grouped(int64_t value) {  // 1234567 -> 1,234,567
  std::string text = std::to_string(value);
  for (int64_t i = static_cast<int64_t>(text.size()) - 3; i > 0; i -= 3) text.insert(static_cast<size_t>(i), ",");
  return text;
}

std::string mebibytes(int64_t bytes) { return fmt::format("{:.2f}", static_cast<double>(bytes) / (1 << 20)); }

std::string up_to_depth(const std::string& name, int64_t depth) {
  size_t end = 0;
  for (int64_t i = 0; i < depth && end != std::string::npos; ++i) end = name.find('.', end == 0 ? 0 : end + 1);
  return depth == 0 ? name : name.substr(0, end);
}

std::vector<LayerRow> folded(const std::vector<LayerRow>& rows, int64_t depth) {
  if (depth == 0) return rows;
  std::vector<LayerRow> result;
  for (const LayerRow& row : rows) {
    const std::string name = up_to_depth(row.name, depth);
    if (result.empty() || result.back().name != name) {
      result.push_back(row);
      result.back().name = name;
      continue;
    }
    LayerRow& sum = result.back();
    if (!row.name.empty() && row.name != name) sum.type = "...";
    sum.output = row.output;
    sum.output_bytes += row.output_bytes;
    sum.parameters += row.parameters;
    sum.multiply_adds += row.multiply_adds;
    sum.saved_bytes += row.saved_bytes;
  }
  return result;
}

}  // namespace

LayerSummary summarize(const nn::AnyModule& network, const Tensor& input) {
  nn::Module& module = *network.ptr();
  LayerSummary summary;
  Rows rows(module);
  module.train();
  {
    const LayerNamesGuard names;
    // With a gradient for the input every weight is saved, too, so that all multiply-adds can be counted.
    const Tensor out = network.forward(input.detach().requires_grad_());
    for (Node* node : ops_of(out)) rows.add(*node);
  }
  module.zero_grad();
  summary.rows = rows.summary;
  summary.idle = rows.idle();
  summary.peak_training_bytes = peak_of([&] { sum(network.forward(input)).backward(); });
  module.eval();
  summary.peak_inference_bytes = peak_of([&] {
    const NoGradGuard no_grad;
    network.forward(input);
  });
  for (const Tensor& parameter : module.parameters()) {
    summary.parameters += parameter.numel();
    if (parameter.requires_grad()) summary.trainable_parameters += parameter.numel();
    summary.parameter_bytes += static_cast<int64_t>(parameter.nbytes());
  }
  summary.input_bytes = static_cast<int64_t>(input.nbytes());
  return summary;
}

std::string format_summary(const LayerSummary& summary, int64_t depth) {
  const std::vector<LayerRow> rows = folded(summary.rows, depth);
  size_t name = 5, type = 4;
  for (const LayerRow& row : rows) name = std::max(name, row.name.size()), type = std::max(type, row.type.size());
  type = std::min<size_t>(type, 28);
  const std::string heading = fmt::format("{:<{}}  {:<{}}  {:<16} {:>13} {:>17} {:>11} {:>11}\n", "Layer", name, "Type", type,
                                          "Output", "Parameters", "Multiply-adds", "Output MiB", "Saved MiB");
  const std::string line = std::string(heading.size() - 1, '-') + '\n';
  std::string text = heading + line;
  LayerRow total;
  for (const LayerRow& row : rows) {
    const std::string shown = row.type.size() <= type ? row.type : row.type.substr(0, type - 3) + "...";
    text += fmt::format("{:<{}}  {:<{}}  {:<16} {:>13} {:>17} {:>11} {:>11}\n", row.name, name, shown, type,
                        shape_text(row.output), grouped(row.parameters), grouped(row.multiply_adds), mebibytes(row.output_bytes),
                        mebibytes(row.saved_bytes));
    total.multiply_adds += row.multiply_adds;
    total.output_bytes += row.output_bytes;
    total.saved_bytes += row.saved_bytes;
  }
  text += line;
  for (const LayerRow& row : summary.idle)
    text += fmt::format("{} ({}) has {} parameters that this pass does not use\n", row.name, row.type, grouped(row.parameters));
  text += fmt::format("Parameters       {:>17}  ({} trainable)\n", grouped(summary.parameters), grouped(summary.trainable_parameters));
  text += fmt::format("Multiply-adds    {:>17}  (convolutions and matrix products, forward)\n", grouped(total.multiply_adds));
  text += fmt::format("Input            {:>13} MiB\n", mebibytes(summary.input_bytes));
  text += fmt::format("Parameters       {:>13} MiB\n", mebibytes(summary.parameter_bytes));
  text += fmt::format("Outputs          {:>13} MiB  (of all layers together)\n", mebibytes(total.output_bytes));
  text += fmt::format("Saved            {:>13} MiB  (for backward, the input included)\n", mebibytes(total.saved_bytes));
  text += fmt::format("Peak, inference  {:>13} MiB  (measured, above parameters and input)\n", mebibytes(summary.peak_inference_bytes));
  text += fmt::format("Peak, training   {:>13} MiB  (measured, forward and backward, gradients included)\n",
                      mebibytes(summary.peak_training_bytes));
  return text;
}

}  // namespace tessera::tools
