// .pth files of PyTorch before 0.1.10: a tar archive (layout: pth.h).
#include <algorithm>
#include <cstring>
#include <map>
#include <string_view>

#include "nn/serialize/pickle_globals.h"
#include "nn/serialize/pth_state_dict.h"

namespace tessera {
namespace {

using Bytes = std::span<const uint8_t>;
using Kind = PickleKind;

template <class T> T take(Bytes& bytes, const std::string& name) {
  check<FileError>(bytes.size() >= sizeof(T), "{}: an entry of the tar archive ends too early", name);
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  bytes = bytes.subspan(sizeof(T));
  return value;
}

// The entries of the archive. A header of 512 bytes says the name in its first 100 and the size, in octal, from byte 124; entries
// begin at multiples of 512.
std::map<std::string, Bytes> entries_of(Bytes bytes, const std::string& name) {
  std::map<std::string, Bytes> entries;
  while (bytes.size() >= 512 && bytes[0] != 0) {
    const std::string_view header(reinterpret_cast<const char*>(bytes.data()), 512);
    const std::string entry(header.substr(0, std::min<size_t>(header.find('\0'), 100)));
    uint64_t size = 0;
    for (const char digit : header.substr(124, 11)) {
      check<FileError>(digit >= '0' && digit <= '7', "{}: the size of {} in the tar archive is no octal number", name,
                       printable(entry));
      size = size * 8 + static_cast<uint64_t>(digit - '0');
    }
    bytes = bytes.subspan(512);
    check<FileError>(size <= bytes.size(), "{}: {} in the tar archive takes {} bytes and {} are left: the file is cut off", name,
                     printable(entry), size, bytes.size());
    entries[entry] = bytes.first(size);
    bytes = bytes.subspan(std::min<uint64_t>((size + 511) / 512 * 512, bytes.size()));
  }
  return entries;
}

Bytes entry_of(const std::map<std::string, Bytes>& entries, const char* entry, const std::string& name) {
  const auto it = entries.find(entry);
  check<FileError>(it != entries.end(), "{}: the tar archive has no {}: no file of torch.save, or one that is cut off", name,
                   entry);
  return it->second;
}

// The items of the tuple or list that stands next.
class Row {
 public:
  Row(Bytes& bytes, const std::string& name) : document_(read_pickle(bytes, name)) {}
  const PickleValue& root() const { return document_.root; }
  const PickleValue& operator[](size_t i) const {
    check<ValueError>(i < root().items().size(), "{} items are too few", root().items().size());
    return root().items()[i];
  }

 private:
  PickleDocument document_;
};

struct Storages {
  std::map<int64_t, PickleStorage> by_number;  // their places do not move
  std::map<std::string, Bytes> elements;       // by PickleStorage::key
};

Storages read_storages(Bytes bytes, const std::string& name) {
  Storages storages;
  for (int64_t left = Row(bytes, name).root().integer(); left > 0; --left) {
    const Row row(bytes, name);
    const auto numel = take<int64_t>(bytes, name);
    check<ValueError>(row[2].global().call == PickleGlobal::Call::Storage, "{} is no storage", row[2].global().name);
    const ScalarType dtype = row[2].global().dtype;
    check<FileError>(numel >= 0 && static_cast<uint64_t>(numel) <= bytes.size() / element_size(dtype),
                     "{}: a storage of {} elements in {} bytes", name, numel, bytes.size());
    const std::string key = row[0].scalar_text();
    storages.by_number[row[0].integer()] = {key, dtype, numel, 0, numel};
    storages.elements[key] = bytes.first(static_cast<size_t>(numel) * element_size(dtype));
    bytes = bytes.subspan(storages.elements[key].size());
  }
  const Row parts(bytes, name);
  for (const PickleValue& part : parts.root().items()) {  // (number, of storage number, offset, size)
    check<ValueError>(part.items().size() == 4, "a part of a storage that is no (number, whole, offset, size)");
    const auto whole = storages.by_number.find(part.items()[1].integer());
    check<ValueError>(whole != storages.by_number.end(), "a part of a storage that is not there");
    PickleStorage storage = whole->second;
    const int64_t offset = part.items()[2].integer(), size = part.items()[3].integer();
    check<ValueError>(offset >= 0 && size >= 0 && offset <= storage.size && size <= storage.size - offset,
                      "a part [{}, +{}) of a storage of {} elements", offset, size, storage.size);
    storage.offset += offset;
    storage.size = size;
    check<ValueError>(storages.by_number.emplace(part.items()[0].integer(), storage).second, "two storages of one number");
  }
  return storages;
}

NumberedTensors read_tensors(Bytes bytes, const Storages& storages, const std::string& name) {
  NumberedTensors tensors;
  for (int64_t left = Row(bytes, name).root().integer(); left > 0; --left) {
    const Row row(bytes, name);
    const auto storage = storages.by_number.find(row[1].integer());
    check<ValueError>(storage != storages.by_number.end(), "a tensor of a storage that is not there");
    const auto dims = take<int32_t>(bytes, name);
    check<ValueError>(dims >= 0 && dims <= kMaxDims, "a tensor of {} dimensions; Tessera's have at most {}", dims, kMaxDims);
    take<int32_t>(bytes, name);  // unused
    DimVector sizes, strides;
    for (int32_t d = 0; d < dims; ++d) sizes.push_back(take<int64_t>(bytes, name));
    for (int32_t d = 0; d < dims; ++d) strides.push_back(take<int64_t>(bytes, name));
    const auto offset = take<int64_t>(bytes, name);
    tensors[row[0].scalar_text()] = checked_tensor(storage->second, offset, sizes, strides);
  }
  return tensors;
}

}  // namespace

Weights load_tar_pth(std::span<const uint8_t> bytes, const std::string& name) {
  const std::map<std::string, Bytes> entries = entries_of(bytes, name);
  try {
    const Storages storages = read_storages(entry_of(entries, "storages", name), name);
    const NumberedTensors tensors = read_tensors(entry_of(entries, "tensors", name), storages, name);
    Bytes pickle = entry_of(entries, "pickle", name);
    const PickleDocument content = read_pickle(pickle, name, tensors);
    const auto read = [&](const PickleStorage& s, std::span<uint8_t> to) {
      const Bytes from = storages.elements.at(s.key);
      std::copy(from.begin(), from.end(), to.begin());
    };
    Weights weights = extract_state_dict(content, read, bytes.size(), name);
    weights.format = "PyTorch, legacy";
    return weights;
  } catch (const ValueError& error) {
    throw FileError(fmt::format("{}: {}", name, error.what()));
  }
}

}  // namespace tessera
