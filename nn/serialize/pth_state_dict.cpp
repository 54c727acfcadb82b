#include "nn/serialize/pth_state_dict.h"

#include <algorithm>
#include <unordered_map>

#include "core/ops/creation.h"

namespace tessera {
namespace {

using Kind = PickleKind;

// Makes the tensors of a document, reading each storage when it is first asked for.
class TensorMaker {
 public:
  TensorMaker(const ReadStorage& read, size_t file_size, const std::string& name)
      : read_(read), budget_(file_size), name_(name) {}

  Tensor make(const PickleTensor& t) {
    check<FileError>(t.storage != nullptr, "{}: a Parameter without data", name_);
    Layout layout = Layout::of(t.sizes);
    if (layout.numel() == 0) return make_tensor(layout, t.storage->dtype, kCPU);
    layout.strides = t.strides;
    layout.offset = t.storage->offset + t.offset;
    return make_view(storage(*t.storage), layout);
  }

 private:
  const Tensor& storage(const PickleStorage& s) {
    Tensor& tensor = storages_[s.key];
    if (tensor.defined()) return tensor;
    const uint64_t size = static_cast<uint64_t>(s.numel) * element_size(s.dtype);
    // Entries of an archive may overlap, so that each of them lies in the file and all of them do not.
    check<FileError>(size <= budget_, "{}: its storages hold more than the file", name_);
    budget_ -= size;
    Tensor fresh = empty({s.numel}, s.dtype);
    const std::span<uint8_t> bytes(static_cast<uint8_t*>(fresh.data_ptr()), size);
    read_(s, bytes);
    check<FileError>(s.dtype != kBool || std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b <= 1; }),
                     "{}: storage \"{}\": a bool that is neither 0 nor 1", name_, printable(s.key));
    return tensor = fresh;
  }

  const ReadStorage& read_;
  uint64_t budget_;
  const std::string& name_;
  std::unordered_map<std::string, Tensor> storages_;
};

std::string keys_of(const PickleValue& dict) {
  std::string text;
  for (size_t i = 0; i < dict.items().size() && i < 20; i += 2)
    text += (i == 0 ? "" : ", ") + printable(dict.items()[i].scalar_text(), 40);
  return dict.items().size() > 20 ? text + ", ..." : text;
}

// The dict of a checkpoint that is the model's; null if none of the usual names has one.
const PickleValue* model_of(const PickleValue& root, std::string& key) {
  for (const char* name : {"state_dict", "model_state_dict", "model", "net"})
    if (const PickleValue* value = root.find(name); value != nullptr && value->is(Kind::Dict)) {
      key = name;
      return value;
    }
  return nullptr;
}

// What of a dict is no tensor: numbers and texts into the metadata, the rest by name.
void describe_rest(const PickleValue& dict, const std::string& taken, Weights& weights) {
  for (size_t i = 0; i < dict.items().size(); i += 2) {
    const PickleValue &key = dict.items()[i], &value = dict.items()[i + 1];
    const std::string name = key.scalar_text(), text = value.scalar_text();
    if (value.is(Kind::Tensor) && taken.empty()) continue;
    if (name == taken && !taken.empty()) continue;
    if (value.is(Kind::None)) continue;
    if (!text.empty() && text.size() <= 1000)
      weights.metadata[name] = text;
    else
      weights.left_out.push_back(fmt::format("{} ({})", printable(name), to_string(value.kind())));
  }
}

NamedTensors tensors_of(const PickleValue& dict, TensorMaker& maker, const std::string& file) {
  NamedTensors result;
  std::unordered_map<std::string, size_t> places;  // a key that comes again replaces, as in Python
  for (size_t i = 0; i < dict.items().size(); i += 2) {
    const PickleValue &key = dict.items()[i], &value = dict.items()[i + 1];
    if (!value.is(Kind::Tensor)) continue;
    check<FileError>(key.is(Kind::String) && !key.text().empty(), "{}: a tensor of the state dict has no name", file);
    const auto [place, fresh] = places.emplace(key.text(), result.size());
    Tensor tensor = maker.make(value.tensor());
    if (fresh)
      result.emplace_back(key.text(), std::move(tensor));
    else
      result[place->second].second = std::move(tensor);
  }
  return result;
}

void strip_prefix(NamedTensors& tensors, std::string_view prefix) {
  const auto has = [&](const auto& t) { return t.first.starts_with(prefix) && t.first.size() > prefix.size(); };
  if (!std::all_of(tensors.begin(), tensors.end(), has)) return;
  for (auto& [name, tensor] : tensors) name.erase(0, prefix.size());
}

}  // namespace

Weights extract_state_dict(const PickleDocument& content, const ReadStorage& read, size_t file_size, const std::string& file) {
  const PickleValue& root = content.root;
  TensorMaker maker(read, file_size, file);
  Weights weights;
  if (root.is(Kind::Tensor)) {
    weights.tensors.emplace_back("tensor", maker.make(root.tensor()));
    return weights;
  }
  check<FileError>(root.is(Kind::Dict), "{}: it holds a {}, not a state dict. In Python: torch.save(model.state_dict(), FILE).",
                   file, to_string(root.kind()));
  std::string key;
  const PickleValue* model = model_of(root, key);
  describe_rest(root, key, weights);
  if (model != nullptr) describe_rest(*model, "", weights);
  weights.tensors = tensors_of(model != nullptr ? *model : root, maker, file);
  check<FileError>(!weights.tensors.empty() || model != nullptr || root.items().empty(),
                   "{}: no state dict is in it. Its keys are: {}.", file, keys_of(root));
  strip_prefix(weights.tensors, "module.");
  strip_prefix(weights.tensors, "_orig_mod.");
  return weights;
}

}  // namespace tessera
