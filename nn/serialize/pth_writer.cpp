#include <map>
#include <ostream>
#include <tuple>
#include <unordered_set>

#include "core/atomic_file.h"
#include "core/grad_mode.h"
#include "core/ops/copy.h"
#include "nn/serialize/pickle.h"
#include "nn/serialize/pth.h"
#include "nn/serialize/zip_writer.h"

namespace tessera {
namespace {

const char* storage_name(ScalarType dtype) {
  switch (dtype) {
    case kFloat64: return "DoubleStorage";
    case kFloat32: return "FloatStorage";
    case kFloat16: return "HalfStorage";
    case kBFloat16: return "BFloat16Storage";
    case kInt64: return "LongStorage";
    case kInt32: return "IntStorage";
    case kInt16: return "ShortStorage";
    case kInt8: return "CharStorage";
    case kUInt8: return "ByteStorage";
    case kBool: return "BoolStorage";
  }
  throw TypeError(fmt::format("save_pth: PyTorch has no storage of {}", to_string(dtype)));
}

// Protocol 2, by the opcodes that PyTorch itself writes.
class PickleWriter {
 public:
  std::string bytes = "\x80\x02";  // PROTO 2

  void global(const char* module, const char* name) { bytes += fmt::format("c{}\n{}\n", module, name); }
  void text(const std::string& value) {
    bytes += 'X';
    little(value.size(), 4);
    bytes += value;
  }
  void integer(int64_t value) {
    if (value >= 0 && value <= 0x7FFFFFFF) {
      bytes += 'J';
      little(static_cast<uint64_t>(value), 4);
    } else {
      bytes += "\x8A\x08";  // LONG1 of 8 bytes
      little(static_cast<uint64_t>(value), 8);
    }
  }
  void tuple(IntArrayRef values) {
    bytes += '(';
    for (const int64_t value : values) integer(value);
    bytes += 't';
  }
  void little(uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes += static_cast<char>(value >> (8 * i));
  }
};

// OrderedDict(), filled with name: _rebuild_tensor_v2(storage, 0, sizes, strides, False, OrderedDict()) of each tensor.
// keys[i] is the storage of tensor i.
std::string pickle_of(const NamedTensors& tensors, const std::vector<size_t>& keys) {
  PickleWriter out;
  out.global("collections", "OrderedDict");
  out.bytes += std::string("q\0)R(", 5);  // under 0 in the memo; called without arguments; MARK
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto& [name, tensor] = tensors[i];
    out.text(name);
    out.global("torch._utils", "_rebuild_tensor_v2");
    out.bytes += "((";
    out.text("storage");
    out.global("torch", storage_name(tensor.dtype()));
    out.text(std::to_string(keys[i]));
    out.text("cpu");
    out.integer(tensor.numel());
    out.bytes += "tQ";  // the tuple is a persistent id
    out.integer(0);
    out.tuple(tensor.sizes());
    out.tuple(Layout::of(tensor.sizes()).strides);
    out.bytes += std::string("\x89h\0)RtR", 7);  // False, an OrderedDict, the end of the arguments, the call
  }
  out.bytes += "u.";
  return out.bytes;
}

void check_names(const NamedTensors& tensors) {
  std::unordered_set<std::string> names;
  for (const auto& [name, tensor] : tensors) {
    check<ValueError>(!name.empty() && is_utf8(name), "save_pth: \"{}\" is no name for a tensor", printable(name));
    check<ValueError>(names.insert(name).second, "save_pth: the name \"{}\" occurs twice", name);
    check<ValueError>(tensor.defined(), "save_pth: the tensor \"{}\" is undefined", name);
  }
}

void write_pth(std::ostream& stream, const NamedTensors& tensors) {
  const NoGradGuard no_grad;
  check_names(tensors);
  using Place = std::tuple<const void*, ScalarType, int64_t>;
  std::map<Place, size_t> known;
  std::vector<size_t> keys;
  std::vector<const Tensor*> storages;
  for (const auto& [name, tensor] : tensors) {
    size_t key = storages.size();
    if (tensor.is_contiguous() && tensor.numel() > 0)
      key = known.try_emplace({tensor.data_ptr(), tensor.dtype(), tensor.numel()}, key).first->second;
    if (key == storages.size()) storages.push_back(&tensor);
    keys.push_back(key);
  }
  const auto bytes_of = [](const void* data, size_t size) { return std::span(static_cast<const uint8_t*>(data), size); };
  ZipWriter zip(stream);
  const auto text_entry = [&](const char* name, const std::string& text) { zip.add(name, bytes_of(text.data(), text.size())); };
  text_entry("archive/data.pkl", pickle_of(tensors, keys));
  text_entry("archive/byteorder", "little");
  for (size_t key = 0; key < storages.size(); ++key) {
    const Tensor data = storages[key]->cpu().contiguous();
    zip.add(fmt::format("archive/data/{}", key), bytes_of(data.data_ptr(), data.nbytes()));
  }
  text_entry("archive/version", "3\n");
  zip.finish();
}

}  // namespace

void save_pth(std::ostream& stream, const NamedTensors& tensors) {
  write_pth(stream, tensors);
  check<FileError>(stream.good(), "save_pth: the stream cannot be written");
}

void save_pth(const std::string& path, const NamedTensors& tensors) {
  write_file_atomically(path, [&](std::ostream& stream) { write_pth(stream, tensors); });
}

}  // namespace tessera
