// The safetensors file format: named tensors and a map of strings.
//
//   8 bytes       length n of the header, little-endian
//   n bytes       JSON: {"__metadata__": {KEY: TEXT, ...}, NAME: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
//   the rest      the tensors' elements, little-endian, row-major; offsets count from here and cover it without gap or overlap
//
// dtypes: F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL. Source: https://github.com/huggingface/safetensors.
#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor.h"

namespace tessera {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

struct SafeTensors {
  NamedTensors tensors;  // in the order of the file's header
  std::map<std::string, std::string> metadata;

  const Tensor* find(const std::string& name) const;      // null if there is none of that name
  const Tensor& at(const std::string& name) const;        // throws ValueError
  const std::string& text(const std::string& key) const;  // a metadata string; throws ValueError
};

// Reads a whole file into fresh CPU tensors. Every number in the header is checked against the file's size before memory is
// taken; anything that does not fit throws FileError, which names the file and the tensor.
SafeTensors load_safetensors(const std::string& path);
// The same from a seekable stream, from its present position to its end; `name` stands for it in messages.
SafeTensors load_safetensors(std::istream& stream, const std::string& name);

// Writes the tensors (any device and strides) in the given order, atomically (core/atomic_file.h). Throws FileError if the file
// cannot be written, ValueError for names that are empty, double, reserved or no UTF-8.
void save_safetensors(const std::string& path, const SafeTensors& content);
void save_safetensors(std::ostream& stream, const SafeTensors& content);

}  // namespace tessera
