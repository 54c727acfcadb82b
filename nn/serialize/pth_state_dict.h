// From the pickle of a .pth to a state dict. For the readers of pth.h alone.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "nn/serialize/pickle.h"
#include "nn/serialize/pth.h"

namespace tessera {

// Reads the elements of a storage into `to`, which takes just as many bytes.
using ReadStorage = std::function<void(const PickleStorage&, std::span<uint8_t> to)>;

// The model's tensors and what stands beside them, as load_pth says; each storage is read when a tensor first needs it.
Weights extract_state_dict(const PickleDocument& content, const ReadStorage& read, size_t file_size, const std::string& name);

// The forms of a .pth. `bytes` begin as the form says.
Weights load_zip_pth(std::span<const uint8_t> bytes, const std::string& name);
Weights load_legacy_pth(std::span<const uint8_t> bytes, const std::string& name);
Weights load_tar_pth(std::span<const uint8_t> bytes, const std::string& name);

}  // namespace tessera
