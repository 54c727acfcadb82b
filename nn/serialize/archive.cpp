// Archives (core/archive.h) as safetensors files.
#include "core/archive.h"

#include "nn/serialize/safetensors.h"

namespace tessera::serialize {

void OutputArchive::save_to(const std::string& path) const { save_safetensors(path, {entries_, {}}); }
void OutputArchive::save_to(std::ostream& stream) const { save_safetensors(stream, {entries_, {}}); }

void InputArchive::load_from(const std::string& path) { entries_ = load_safetensors(path).tensors; }
void InputArchive::load_from(std::istream& stream) { entries_ = load_safetensors(stream, "stream").tensors; }

}  // namespace tessera::serialize
