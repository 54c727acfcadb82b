#include "nn/serialize/weights.h"

#include "nn/serialize/mapped_file.h"
#include "nn/serialize/npy.h"
#include "nn/serialize/pth.h"

namespace tessera {
namespace {

// A header's length, and the JSON object it begins.
bool is_safetensors(std::span<const uint8_t> bytes) { return bytes.size() > 8 && bytes[8] == '{'; }

}  // namespace

Weights load_weights(const std::string& path) {
  const MappedFile file(path);
  const std::span<const uint8_t> bytes = file.bytes();
  if (is_zip(bytes) || is_legacy_pth(bytes) || is_tar(bytes)) return load_pth(bytes, path);
  Weights weights;
  if (is_npy(bytes)) {
    weights.format = "NumPy";
    weights.tensors.emplace_back("tensor", load_npy(bytes, path));
    return weights;
  }
  check<FileError>(is_safetensors(bytes), "{}: no weight file: neither .pth nor .safetensors nor .npy begins so", path);
  SafeTensors content = load_safetensors(path);
  weights.format = "safetensors";
  weights.tensors = std::move(content.tensors);
  weights.metadata = std::move(content.metadata);
  return weights;
}

void save_weights(const std::string& path, const Weights& weights) {
  if (path.ends_with(".safetensors")) return save_safetensors(path, {weights.tensors, weights.metadata});
  if (path.ends_with(".pth") || path.ends_with(".pt")) return save_pth(path, weights.tensors);
  check<ValueError>(path.ends_with(".npy"),
                    "save_weights: {}: no format is known by this ending. Use .safetensors, .pth or .npy.", path);
  check<ValueError>(weights.tensors.size() == 1, "save_weights: {}: .npy holds one tensor, not {}. Use .safetensors.", path,
                    weights.tensors.size());
  save_npy(path, weights.tensors[0].second);
}

}  // namespace tessera
