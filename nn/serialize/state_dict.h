// State dicts: the parameters and buffers of a module by name, as PyTorch names them.
#pragma once

#include "nn/module.h"
#include "nn/serialize/safetensors.h"

namespace tessera::nn {

// For each module its parameters, then its buffers, parents before children: PyTorch's order. The tensors share the module's
// memory; clone them to keep a snapshot.
NamedTensors state_dict(const Module& module);

// Copies the tensors into the module's parameters and buffers of the same names, converting dtype and device. With `strict` every
// name must occur on both sides (but for num_batches_tracked, which files of PyTorch before 0.4.1 lack: the module's stays);
// without, names on one side alone are left. What does not fit, shapes included, is listed in one ValueError, and then nothing
// was copied.
void load_state_dict(const Module& module, const NamedTensors& tensors, bool strict = true);

}  // namespace tessera::nn
