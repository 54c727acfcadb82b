#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_map>

#include "nn/serialize/mapped_file.h"
#include "nn/serialize/pth_state_dict.h"
#include "nn/serialize/zip_archive.h"

namespace tessera {
namespace {

static_assert(std::endian::native == std::endian::little, "storages are read as they are");

using Kind = PickleKind;

constexpr uint8_t kLegacyMagic[] = {0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, '.'};

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

}  // namespace

Weights load_zip_pth(std::span<const uint8_t> bytes, const std::string& name) {
  ZipArchive archive(bytes, name);
  const std::optional<std::string> pickle_entry = archive.find_suffix("/data.pkl");
  check<FileError>(pickle_entry.has_value(), "{}: a zip archive without NAME/data.pkl is no file of torch.save", name);
  const std::string folder = pickle_entry->substr(0, pickle_entry->size() - std::strlen("data.pkl"));
  if (const std::optional<uint64_t> size = archive.size_of(folder + "byteorder")) {
    std::string order(std::min<uint64_t>(*size, 16), '\0');
    archive.read(folder + "byteorder", {reinterpret_cast<uint8_t*>(order.data()), order.size()});
    check<FileError>(order == "little", "{}: its byte order is \"{}\"; little-endian files are read", name, printable(order));
  }
  const std::optional<uint64_t> pickle_size = archive.size_of(*pickle_entry);
  check<FileError>(pickle_size.has_value(), "{}: {} cannot be found again", name, printable(*pickle_entry));
  std::vector<uint8_t> pickle(*pickle_size);
  archive.read(*pickle_entry, pickle);
  std::span<const uint8_t> rest(pickle);
  const PickleDocument document = read_pickle(rest, name);
  const auto read = [&](const PickleStorage& s, std::span<uint8_t> to) {
    const std::string entry = folder + "data/" + s.key;
    const std::optional<uint64_t> size = archive.size_of(entry);
    check<FileError>(size.has_value(), "{}: it has no {}", name, printable(entry));
    check<FileError>(*size == to.size(), "{}: {} has {} bytes; {} elements of {} take {}", name, printable(entry), *size, s.numel,
                     s.dtype, to.size());
    archive.read(entry, to);
  };
  Weights weights = extract_state_dict(document, read, bytes.size(), name);
  weights.format = "PyTorch";
  return weights;
}

Weights load_legacy_pth(std::span<const uint8_t> bytes, const std::string& name) {
  std::span<const uint8_t> rest = bytes.subspan(std::size(kLegacyMagic));
  read_pickle(rest, name);  // the protocol's version
  const PickleDocument machine = read_pickle(rest, name);
  const PickleValue* little = machine.root.is(Kind::Dict) ? machine.root.find("little_endian") : nullptr;
  check<FileError>(little == nullptr || !little->is(Kind::Bool) || little->boolean(),
                   "{}: a machine of the other byte order wrote it; little-endian files are read", name);
  const PickleDocument content = read_pickle(rest, name);
  const auto storages = legacy_storages(content, rest, name);
  const auto read = [&](const PickleStorage& s, std::span<uint8_t> to) {
    const auto from = storages.find(s.key);
    check<FileError>(from != storages.end(), "{}: it lacks the storage \"{}\"", name, printable(s.key));
    std::copy(from->second.begin(), from->second.end(), to.begin());
  };
  Weights weights = extract_state_dict(content, read, bytes.size(), name);
  weights.format = "PyTorch, legacy";
  return weights;
}

bool is_zip(std::span<const uint8_t> bytes) {
  constexpr uint8_t kMagic[] = {'P', 'K', 3, 4};
  return bytes.size() >= 4 && std::equal(std::begin(kMagic), std::end(kMagic), bytes.begin());
}

bool is_legacy_pth(std::span<const uint8_t> bytes) {
  return bytes.size() >= std::size(kLegacyMagic) && std::equal(std::begin(kLegacyMagic), std::end(kLegacyMagic), bytes.begin());
}

bool is_tar(std::span<const uint8_t> bytes) { return bytes.size() >= 512 && std::memcmp(bytes.data() + 257, "ustar", 5) == 0; }

Weights load_pth(std::span<const uint8_t> bytes, const std::string& name) {
  if (is_zip(bytes)) return load_zip_pth(bytes, name);
  if (is_legacy_pth(bytes)) return load_legacy_pth(bytes, name);
  check<FileError>(is_tar(bytes), "{}: no file of torch.save begins so", name);
  return load_tar_pth(bytes, name);
}

Weights load_pth(const std::string& path) {
  const MappedFile file(path);
  return load_pth(file.bytes(), path);
}

}  // namespace tessera
