#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <unordered_map>

#include "core/ops/creation.h"
#include "nn/serialize/mapped_file.h"
#include "nn/serialize/pickle.h"
#include "nn/serialize/pth.h"
#include "nn/serialize/zip_archive.h"

namespace tessera {
namespace {

static_assert(std::endian::native == std::endian::little, "storages are read as they are");

using Kind = PickleKind;

// The elements of a storage into `to`, which holds just as many bytes.
using ReadStorage = std::function<void(const PickleStorage&, std::span<uint8_t> to)>;

// Makes the tensors of a document, reading each storage when it is first asked for.
class TensorMaker {
 public:
  TensorMaker(ReadStorage read, size_t file_size, const std::string& name)
      : read_(std::move(read)), budget_(file_size), name_(name) {}

  Tensor make(const PickleTensor& t) {
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

  ReadStorage read_;
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

void extract(const PickleValue& root, TensorMaker& maker, const std::string& file, Weights& weights) {
  if (root.is(Kind::Tensor)) {
    weights.tensors.emplace_back("tensor", maker.make(root.tensor()));
    return;
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
}

Weights load_zip(std::span<const uint8_t> bytes, const std::string& name) {
  ZipArchive archive(bytes, name);
  const std::optional<std::string> pickle_entry = archive.find_suffix("/data.pkl");
  check<FileError>(pickle_entry.has_value(), "{}: a zip archive without NAME/data.pkl is no file of torch.save", name);
  const std::string folder = pickle_entry->substr(0, pickle_entry->size() - std::strlen("data.pkl"));
  if (archive.size_of(folder + "byteorder")) {
    std::string order(std::min<uint64_t>(*archive.size_of(folder + "byteorder"), 16), '\0');
    archive.read(folder + "byteorder", {reinterpret_cast<uint8_t*>(order.data()), order.size()});
    check<FileError>(order == "little", "{}: its byte order is \"{}\"; little-endian files are read", name, printable(order));
  }
  std::vector<uint8_t> pickle(*archive.size_of(*pickle_entry));
  archive.read(*pickle_entry, pickle);
  std::span<const uint8_t> rest(pickle);
  const PickleDocument document = read_pickle(rest, name);
  TensorMaker maker(
      [&](const PickleStorage& s, std::span<uint8_t> to) {
        const std::string entry = folder + "data/" + s.key;
        const std::optional<uint64_t> size = archive.size_of(entry);
        check<FileError>(size.has_value(), "{}: it has no {}", name, printable(entry));
        check<FileError>(*size == to.size(), "{}: {} has {} bytes; {} elements of {} take {}", name, printable(entry), *size,
                         s.numel, s.dtype, to.size());
        archive.read(entry, to);
      },
      bytes.size(), name);
  Weights weights{.format = "PyTorch", .tensors = {}, .metadata = {}, .left_out = {}};
  extract(document.root, maker, name, weights);
  return weights;
}

// Finds the storages behind the last pickle: where the elements of each key begin.
std::unordered_map<std::string, std::span<const uint8_t>> legacy_storages(const PickleDocument& content,
                                                                          std::span<const uint8_t> rest,
                                                                          const std::string& name) {
  std::unordered_map<std::string, const PickleStorage*> known;
  for (const PickleStorage& s : content.storages) known.emplace(s.key, &s);
  const PickleDocument keys = read_pickle(rest, name);
  check<FileError>(keys.root.is(Kind::List), "{}: its storages are listed by a {}", name, to_string(keys.root.kind()));
  std::unordered_map<std::string, std::span<const uint8_t>> result;
  for (const PickleValue& key : keys.root.items()) {
    const auto storage = key.is(Kind::String) ? known.find(key.text()) : known.end();
    check<FileError>(storage != known.end(), "{}: the storage \"{}\" belongs to no tensor", name, printable(key.scalar_text()));
    const PickleStorage& s = *storage->second;
    int64_t numel = -1;
    if (rest.size() >= 8) std::memcpy(&numel, rest.data(), 8);
    check<FileError>(numel != -1, "{}: it ends before the storage \"{}\": the file is cut off", name, printable(s.key));
    check<FileError>(numel == s.numel, "{}: the storage \"{}\" has {} elements and should have {}", name, printable(s.key), numel,
                     s.numel);
    rest = rest.subspan(8);
    const uint64_t size = static_cast<uint64_t>(s.numel) * element_size(s.dtype);
    check<FileError>(size <= rest.size(), "{}: it ends within the storage \"{}\": the file is cut off", name, printable(s.key));
    result[s.key] = rest.first(size);
    rest = rest.subspan(size);
  }
  return result;
}

constexpr uint8_t kLegacyMagic[] = {0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, '.'};

Weights load_legacy(std::span<const uint8_t> bytes, const std::string& name) {
  std::span<const uint8_t> rest = bytes.subspan(std::size(kLegacyMagic));
  read_pickle(rest, name);  // the protocol's version
  const PickleDocument machine = read_pickle(rest, name);
  const PickleValue* little = machine.root.is(Kind::Dict) ? machine.root.find("little_endian") : nullptr;
  check<FileError>(little == nullptr || !little->is(Kind::Bool) || little->boolean(),
                   "{}: a machine of the other byte order wrote it; little-endian files are read", name);
  const PickleDocument content = read_pickle(rest, name);
  const auto storages = legacy_storages(content, rest, name);
  TensorMaker maker(
      [&](const PickleStorage& s, std::span<uint8_t> to) {
        const auto from = storages.find(s.key);
        check<FileError>(from != storages.end(), "{}: it lacks the storage \"{}\"", name, printable(s.key));
        std::copy(from->second.begin(), from->second.end(), to.begin());
      },
      bytes.size(), name);
  Weights weights{.format = "PyTorch, legacy", .tensors = {}, .metadata = {}, .left_out = {}};
  extract(content.root, maker, name, weights);
  return weights;
}

}  // namespace

bool is_zip(std::span<const uint8_t> bytes) {
  constexpr uint8_t kMagic[] = {'P', 'K', 3, 4};
  return bytes.size() >= 4 && std::equal(std::begin(kMagic), std::end(kMagic), bytes.begin());
}

bool is_legacy_pth(std::span<const uint8_t> bytes) {
  return bytes.size() >= std::size(kLegacyMagic) && std::equal(std::begin(kLegacyMagic), std::end(kLegacyMagic), bytes.begin());
}

Weights load_pth(std::span<const uint8_t> bytes, const std::string& name) {
  if (is_legacy_pth(bytes)) return load_legacy(bytes, name);
  check<FileError>(is_zip(bytes), "{}: neither a zip archive nor a legacy file of torch.save", name);
  return load_zip(bytes, name);
}

Weights load_pth(const std::string& path) {
  const MappedFile file(path);
  return load_pth(file.bytes(), path);
}

}  // namespace tessera
