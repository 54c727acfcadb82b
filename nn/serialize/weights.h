// Weight files of any format that Tessera knows.
//
//   .safetensors   read and written   safetensors.h
//   .pth, .pt      read and written   pth.h: what PyTorch's torch.save writes
//   .npy           read and written   npy.h: one array, under the name "tensor"
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "nn/serialize/safetensors.h"

namespace tessera {

struct Weights {
  std::string format;    // "safetensors", "PyTorch", "PyTorch, legacy", "NumPy"
  NamedTensors tensors;  // the model's, by state-dict name
  // safetensors: its strings. PyTorch: the numbers and texts that stand beside the model in a checkpoint, {"epoch": "3"}.
  std::map<std::string, std::string> metadata;
  std::vector<std::string> left_out;  // what else the file holds, one entry each: "optimizer (dict)"
};

// Reads a weight file. Its first bytes decide the format, not its name. Throws FileError, "FILE: problem", for a file that is
// missing, damaged or of no known format.
Weights load_weights(const std::string& path);

// Writes the tensors in the format that the file's name ends in, atomically. The metadata goes along into safetensors alone: in a
// .pth it would stand among the tensors. Throws ValueError for another ending, and for .npy unless there is one tensor; FileError
// if the file cannot be written.
void save_weights(const std::string& path, const Weights& weights);

}  // namespace tessera
