// Pickles and .pth files put together by hand, for tests of their readers.
#pragma once

#include <cstdint>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "nn/serialize/zip_writer.h"

namespace tessera::testing_support {

inline std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Little-endian.
inline std::string number(uint64_t value, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

// Opcodes of protocol 2.
inline std::string pickled(const std::string& text) { return "X" + number(text.size(), 4) + text; }
inline std::string pickled(int64_t value) { return "\x8a\x08" + number(static_cast<uint64_t>(value), 8); }
inline std::string pickled(const std::vector<int64_t>& values) {
  std::string tuple = "(";
  for (const int64_t value : values) tuple += pickled(value);
  return tuple + "t";
}
inline std::string storage(const std::string& type, const std::string& key, int64_t numel) {
  return "(" + pickled("storage") + "ctorch\n" + type + "\n" + pickled(key) + pickled("cpu") + pickled(numel) + "tQ";
}
inline std::string rebuilt(const std::string& storage, int64_t offset, const std::vector<int64_t>& sizes,
                           const std::vector<int64_t>& strides) {
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + pickled(offset) + pickled(sizes) + pickled(strides) +
         "\x89"
         "ccollections\nOrderedDict\n)RtR";
}
inline std::string dict(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string text = "}(";
  for (const auto& [key, value] : entries) text += pickled(key) + value;
  return text + "u";
}
inline std::string pickle(const std::string& value) { return "\x80\x02" + value + "."; }

using ZipEntries = std::vector<std::pair<std::string, std::string>>;
inline std::string zip_of(const ZipEntries& entries) {
  std::ostringstream stream;
  ZipWriter writer(stream);
  for (const auto& [name, content] : entries) writer.add(name, bytes_of(content));
  writer.finish();
  return stream.str();
}
// Entries data/0, data/1, ... hold the storages.
inline std::string pth_of(const std::string& value, const std::vector<std::string>& storages) {
  ZipEntries entries = {{"x/data.pkl", pickle(value)}, {"x/version", "3\n"}};
  for (const std::string& content : storages) entries.emplace_back("x/data/" + std::to_string(entries.size() - 2), content);
  return zip_of(entries);
}

template <class T> std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace tessera::testing_support
