#include "core/archive.h"

#include <algorithm>

namespace tessera::serialize {

void OutputArchive::write(const std::string& key, const Tensor& tensor, bool) {
  check<ValueError>(tensor.defined(), "archive: \"{}\" is undefined. Write defined tensors only.", key);
  const bool is_new = std::none_of(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.first == key; });
  check<ValueError>(is_new, "archive: \"{}\" was written already", key);
  entries_.emplace_back(key, tensor.detach());
}

void OutputArchive::write(const std::string& key, const OutputArchive& nested) {
  for (const auto& [name, tensor] : nested.entries_) write(key + "." + name, tensor);
}

void InputArchive::read(const std::string& key, Tensor& tensor, bool) const {
  check<ValueError>(try_read(key, tensor), "archive: there is no tensor \"{}\"", key);
}

void InputArchive::read(const std::string& key, InputArchive& nested) const {
  check<ValueError>(try_read(key, nested), "archive: there is nothing under \"{}\"", key);
}

bool InputArchive::try_read(const std::string& key, Tensor& tensor, bool) const {
  const auto it = std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.first == key; });
  if (it == entries_.end()) return false;
  tensor = it->second;
  return true;
}

bool InputArchive::try_read(const std::string& key, InputArchive& nested) const {
  const std::string prefix = key + ".";
  ArchiveEntries found;
  for (const auto& [name, tensor] : entries_)
    if (name.starts_with(prefix)) found.emplace_back(name.substr(prefix.size()), tensor);
  if (found.empty()) return false;
  nested.entries_ = std::move(found);
  return true;
}

std::vector<std::string> InputArchive::keys() const {
  std::vector<std::string> keys;
  for (const auto& [name, tensor] : entries_) {
    const std::string key = name.substr(0, name.find('.'));
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  }
  return keys;
}

}  // namespace tessera::serialize
