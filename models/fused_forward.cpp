#include "models/fused_forward.h"

#include "core/autograd.h"
#include "nn/layers/activation.h"
#include "nn/layers/norm.h"

namespace tessera::models {

Tensor fused_forward(nn::SequentialImpl& layers, Tensor x) {
  const autograd::LayerScope scope(layers.registered_name());
  for (auto it = layers.begin(); it != layers.end(); ++it) {
    auto* norm = it->ptr()->as<nn::BatchNorm2d>();
    const auto next = it + 1;
    if (norm != nullptr && next != layers.end() && next->ptr()->as<nn::ReLU>() != nullptr) {
      x = norm->forward_relu(x);
      it = next;
    } else {
      x = it->forward(x);
    }
  }
  return x;
}

}  // namespace tessera::models
