// EMA: a moving average of a network's weights, which often scores better than the weights themselves (Polyak & Juditsky, 1992).
//
//     nn::EMA ema(*net, 0.999);
//     for (...) { optimizer.step(); ema.update(); }
//     ema.swap();  evaluate(net);  ema.swap();                        // with the averages, and back
#pragma once

#include "nn/module.h"
#include "nn/serialize/safetensors.h"

namespace tessera::nn {

class EMA {
 public:
  // The averages start as copies of the module's present parameters and buffers, which must live on. With warm_up the decay of
  // update t = 1, 2, ... is min(decay, (1 + t) / (10 + t)): the first weights are soon forgotten. ValueError for a decay outside
  // [0, 1].
  explicit EMA(const Module& module, double decay = 0.999, bool warm_up = false);

  // average <- d average + (1 - d) parameter, in the parameter's dtype and on its device; buffers are copied as they are. Outside
  // the graph. ValueError while the averages are swapped in; DeviceError, as from swap(), while a CUDA graph is recorded: call it
  // after each replay.
  void update();
  // Exchanges the module's values for the averages; a second call exchanges them back.
  void swap();
  bool is_swapped() const { return swapped_; }
  int64_t updates() const { return updates_; }

  // The averages under the names that they have in the module's state dict, and the number of updates as "ema.updates"; copies.
  NamedTensors state() const;
  // ValueError, and nothing changed, for other names or shapes, and while the averages are swapped in.
  void load_state(const NamedTensors& state);

 private:
  struct Entry {
    std::string name;
    Tensor value;  // the module's
    Tensor average;
    bool is_buffer;
  };
  std::vector<Entry> entries_;
  double decay_;
  bool warm_up_;
  bool swapped_ = false;
  int64_t updates_ = 0;
};

}  // namespace tessera::nn
