// The optimizer and the schedule of its learning rate, as the options name them.
#pragma once

#include <memory>

#include "nn/optim/lr_scheduler.h"
#include "tools/checkpoint.h"

namespace tessera::tools {

class Optimization {
 public:
  // For resolved options; onecycle is laid out for epochs * steps_per_epoch steps.
  Optimization(nn::Module& network, const OptimizationOptions& options, int64_t steps_per_epoch);

  void zero_grad();
  // Clips the gradients' norm if the options say so, and moves the parameters and the schedule by one step.
  void step();
  // Tells the schedule `plateau` how the epoch went; `val_loss` is NaN without validation.
  void end_epoch(double val_loss);
  double lr() const;  // of the next step

  void save(Checkpoint& checkpoint) const;
  // Throws FileError, naming `file`, for a state that is none of this optimizer over this network.
  void load(const Checkpoint& checkpoint, const std::string& file);

 private:
  const TensorList parameters_;
  const double clip_grad_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  std::unique_ptr<optim::OneCycleLR> one_cycle_;  // at most one of these two
  std::unique_ptr<optim::ReduceLROnPlateau> plateau_;
};

}  // namespace tessera::tools
