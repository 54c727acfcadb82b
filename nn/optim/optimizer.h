// Optimizer: groups of parameters with options, and what is remembered for each parameter.
//
//     optim::SGD optimizer(model->parameters(), optim::SGDOptions(0.1).momentum(0.9));
//     optimizer.zero_grad();  loss.backward();  optimizer.step();
//
// A step reads .grad and never changes it; parameters without a gradient are skipped. The update runs outside the graph, one
// kernel call for all parameters of a group (kernels/optimizer/optimizer.h), in the parameter's dtype.
//
// A step can be captured in a CUDA graph (core/cuda_graph.h) once the optimizer has made a step as usual, which makes all that lives
// from replay to replay: memory that is allocated in a capture is the graph's, whose replays write to it wherever it was free at that
// point of the work. What changes from step to step, its number and the options, a captured step reads from device memory, where
// advance() writes it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/tensor.h"
#include "kernels/optimizer/optimizer.h"
#include "nn/options.h"

namespace tessera::optim {

// The options of a group. Each optimizer derives its own, with chained setters.
class OptimizerOptions {
 public:
  virtual ~OptimizerOptions() = default;
  virtual std::unique_ptr<OptimizerOptions> clone() const = 0;
  // Calls visit(name, value) for each option, as a number that may be changed: for state dicts.
  virtual void visit(const std::function<void(const char*, double&)>& visit) = 0;
  virtual void check_values() const = 0;  // throws ValueError
  bool has(const std::string& name) const;
  double get(const std::string& name) const;  // ValueError if there is none of that name
  void set(const std::string& name, double value);
  double get_lr() const { return get("lr"); }
  void set_lr(double lr) { set("lr", lr); }
};

// visit(name, value) for an option that is true or false.
inline void visit_flag(const std::function<void(const char*, double&)>& visit, const char* name, bool& flag) {
  double value = flag ? 1 : 0;
  visit(name, value);
  flag = value != 0;
}

class OptimizerParamGroup {
 public:
  OptimizerParamGroup(TensorList params) : params_(std::move(params)) {}  // NOLINT: implicit, as in libtorch
  OptimizerParamGroup(TensorList params, std::unique_ptr<OptimizerOptions> options)
      : params_(std::move(params)), options_(std::move(options)) {}
  OptimizerParamGroup(const OptimizerParamGroup& other)
      : params_(other.params_), options_(other.has_options() ? other.options_->clone() : nullptr) {}
  OptimizerParamGroup(OptimizerParamGroup&&) = default;
  OptimizerParamGroup& operator=(OptimizerParamGroup&&) = default;

  bool has_options() const { return options_ != nullptr; }
  OptimizerOptions& options() { return *options_; }
  const OptimizerOptions& options() const { return *options_; }
  void set_options(std::unique_ptr<OptimizerOptions> options) { options_ = std::move(options); }
  TensorList& params() { return params_; }
  const TensorList& params() const { return params_; }

 private:
  TensorList params_;
  std::unique_ptr<OptimizerOptions> options_;
};

// What an optimizer remembers of one parameter.
struct ParamState {
  int64_t step = 0;                       // updates so far
  bool captured = false;                  // a graph has the tensors' addresses: they are written to, never replaced
  std::map<std::string, Tensor> tensors;  // "momentum_buffer", "exp_avg", ...: of the parameter's shape
};

// A state to store: tensors "INDEX.NAME" and numbers "INDEX.step" by the parameter's index over all groups, and the options as
// numbers "group.INDEX.NAME".
struct OptimizerState {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, double> numbers;
};

class Optimizer {
 public:
  using LossClosure = std::function<Tensor()>;

  // Groups without options get `defaults`. Throws ValueError for options out of range, for parameters that are no leaves of the
  // graph, no floating-point tensors or given twice.
  Optimizer(std::vector<OptimizerParamGroup> groups, std::unique_ptr<OptimizerOptions> defaults);
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  void add_param_group(OptimizerParamGroup group);
  // One update. With a closure, calls it first, with gradients on, and returns its loss. While a CUDA graph is captured it counts
  // no step; DeviceError for a parameter or an option that needs a state which no step has made yet.
  Tensor step(const LossClosure& closure = nullptr);
  // To be called before each replay of a graph in which step() was captured: counts the step and hands its number and the present
  // options to the device. Does nothing if none was. DeviceError for options that need a state the captured step has not.
  void advance();
  // From now on a step changes nothing where `flag`, a bool tensor of one element on the parameters' device, is true when the step
  // runs. An undefined tensor takes that back.
  void skip_where(const Tensor& flag) { skip_ = flag; }
  // Drops the gradients, or fills them with zeros.
  void zero_grad(bool set_to_none = true);

  std::vector<OptimizerParamGroup>& param_groups() { return groups_; }
  const std::vector<OptimizerParamGroup>& param_groups() const { return groups_; }
  OptimizerOptions& defaults() { return *defaults_; }

  // Copies; a state loaded into an optimizer over parameters of the same shapes, in the same order, continues bit for bit, replays of
  // a step captured before included.
  OptimizerState state_dict() const;
  // Throws ValueError for names or shapes that are not those of this optimizer, or for a state without tensors that a captured step
  // uses; then nothing was changed.
  void load_state_dict(const OptimizerState& state);

 protected:
  struct Item {
    Tensor param, grad;  // the gradient of the parameter's dtype and strides
    ParamState* state;
  };
  // Parameters of one device and dtype that have made equally many steps.
  using Items = std::vector<Item>;
  // Updates the items; state.step counts this update already.
  virtual void update(const Items& items, const OptimizerOptions& options, const kernels::StepControl& control) = 0;
  // The names that state.tensors may hold.
  virtual std::vector<std::string> state_names() const = 0;
  // The state tensor of that name, of the parameter's dtype and device; zeros (or `fill`) in the parameter's layout when first
  // asked for. Throws ValueError if the parameter's shape has changed since, DeviceError if a tensor would have to be made for a
  // captured step.
  static Tensor state_tensor(ParamState& state, const std::string& name, const Tensor& param, double fill = 0);

 private:
  // One call of update() that a graph replays.
  struct Captured {
    size_t group;
    Items items;  // without gradients
  };
  std::vector<Items> items_of(const OptimizerParamGroup& group);
  void capture(size_t group, Items items, size_t position);
  const bool* skip_flag() const { return skip_.defined() ? skip_.data_ptr<bool>() : nullptr; }

  std::vector<OptimizerParamGroup> groups_;
  std::unique_ptr<OptimizerOptions> defaults_;
  // By the position of a call of update() in a step: where a captured one reads its numbers. Steps as usual make them.
  std::vector<Tensor> numbers_;
  std::vector<Captured> captured_;
  Tensor skip_;
  std::unordered_map<const TensorImpl*, ParamState> state_;
};

}  // namespace tessera::optim
