// Weights from a file into a network, whoever trained them.
#pragma once

#include "nn/module.h"
#include "nn/serialize/weights.h"

namespace tessera::tools {

// The model's weights of any file that load_weights reads. Of a checkpoint of `tessera train`, the optimizer's tensors and what
// only resuming needs are left out; the network, the classes and the epoch stay in the metadata. Throws FileError.
Weights load_model_weights(const std::string& file);

// Copies the weights of `file` into the network, which registry entry `model` made; torchvision's names of a backbone are those
// of models::rename_backbone. Returns a few lines for people that say what was taken and what was not. Without `partial` every
// name and shape must fit, else FileError lists those that do not. With it, whatever fits by name and shape is taken and the rest
// stays as it is; FileError only if nothing fits.
std::string take_weights(const nn::Module& network, const std::string& model, const std::string& file, bool partial);

}  // namespace tessera::tools
