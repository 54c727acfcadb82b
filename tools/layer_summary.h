// What a network computes and keeps, layer by layer, read off the graph of one pass in training mode.
#pragma once

#include <string>
#include <vector>

#include "nn/containers.h"

namespace tessera::tools {

// One call of a layer, or the ops that a layer with parts does itself (cat, a residual sum).
struct LayerRow {
  std::string name = {};  // as its parents name it: "layer1.0.conv1"
  std::string type = {};  // of the module, or the names of the ops
  DimVector output = {};  // shape of what it returned
  int64_t parameters = 0;     // elements; a layer that is called twice has them in its first row
  int64_t multiply_adds = 0;  // of convolutions and matrix products in the forward pass
  int64_t output_bytes = 0;
  int64_t saved_bytes = 0;  // kept for backward by this layer and by none before it; parameters are not counted
};

struct LayerSummary {
  std::vector<LayerRow> rows;  // in the order of the calls
  std::vector<LayerRow> idle;  // layers with parameters that the pass did not use: name, type and parameters
  int64_t parameters = 0, trainable_parameters = 0;
  int64_t parameter_bytes = 0, input_bytes = 0;
  int64_t peak_inference_bytes = 0, peak_training_bytes = 0;  // measured, above parameters and input; training: forward and backward
};

// Runs the network once in training mode with backward, and once in evaluation mode; its running statistics and gradients are
// those of a run afterwards. `input` is [N, C, H, W]. Throws what the network's forward throws.
LayerSummary summarize(const nn::AnyModule& network, const Tensor& input);

// The table of a summary, for people. With depth > 0, layers further down are added up in the row of their parent at that depth.
std::string format_summary(const LayerSummary& summary, int64_t depth = 0);

}  // namespace tessera::tools
