// The optimizer, the schedule of its learning rate and the average of the weights, as the options name them.
#pragma once

#include <memory>

#include "nn/ema.h"
#include "tools/checkpoint.h"
#include "tools/schedule.h"

namespace tessera::tools {

class Optimization {
 public:
  // Of the parameters that require a gradient, for resolved options. Throws UsageError if there are none.
  Optimization(nn::Module& network, const OptimizationOptions& options, int64_t steps_per_epoch);

  void zero_grad();
  // Clips the gradients' norm if the options say so, and moves the parameters by one step. Device work alone: it can be captured
  // in a CUDA graph.
  void step();
  // Before each replay of a graph in which step() was captured.
  void before_replay() { optimizer_->advance(); }
  // A step changes nothing where this flag is true (optim::Optimizer::skip_where).
  void skip_where(const Tensor& flag) { optimizer_->skip_where(flag); }
  // What follows on the host: moves the average and the schedule.
  void after_step();
  // Tells the schedule how the epoch went; `val_loss` is NaN without validation.
  void end_epoch(double val_loss);
  double lr() const;  // of the next step
  // The parameters were changed otherwise: the average starts again from them.
  void restart_average();

  // Into and from the checkpoint: optimizer, schedule, weights and average. While an Averaged lives, save() throws ValueError.
  void save(Checkpoint& checkpoint) const;
  // Throws FileError, naming `file`, for a state that is none of this optimizer over this network.
  void load(const Checkpoint& checkpoint, const std::string& file);

  // While it lives, the network has the averaged weights, if there are any.
  class Averaged {
   public:
    explicit Averaged(Optimization& optimization) : ema_(optimization.ema_.get()) {
      if (ema_ != nullptr) ema_->swap();
    }
    ~Averaged() {
      if (ema_ != nullptr) ema_->swap();
    }
    Averaged(const Averaged&) = delete;
    Averaged& operator=(const Averaged&) = delete;

   private:
    nn::EMA* ema_;
  };

 private:
  nn::Module& network_;
  const TensorList parameters_;
  const double clip_grad_, ema_decay_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  Schedule schedule_;
  std::unique_ptr<nn::EMA> ema_;
};

}  // namespace tessera::tools
