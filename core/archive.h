// Archives: tensors by name, what something that has state writes itself into and reads itself from.
//
//     archive.write("weight", weight);                   "weight"
//     archive.write("encoder", nested);                  "encoder.NAME" for each NAME of the nested archive
//
// Anything with save(OutputArchive&) const and load(InputArchive&), such as the samplers in data/samplers.h, goes to and from
// files by tessera::save and tessera::load (nn/serialize/save.h).
#pragma once

#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor.h"

namespace tessera::serialize {

using ArchiveEntries = std::vector<std::pair<std::string, Tensor>>;

class OutputArchive {
 public:
  // `is_buffer` is libtorch's, and makes no difference here. Throws ValueError for a name that the archive holds already and for
  // an undefined tensor.
  void write(const std::string& key, const Tensor& tensor, bool is_buffer = false);
  void write(const std::string& key, const OutputArchive& nested);
  const ArchiveEntries& entries() const { return entries_; }

  // As safetensors; defined in nn/serialize/archive.cpp. Throw FileError.
  void save_to(const std::string& path) const;
  void save_to(std::ostream& stream) const;

 private:
  ArchiveEntries entries_;
};

class InputArchive {
 public:
  InputArchive() = default;
  explicit InputArchive(ArchiveEntries entries) : entries_(std::move(entries)) {}

  // Throw ValueError where there is none of that name; try_ returns false and leaves the argument as it was.
  void read(const std::string& key, Tensor& tensor, bool is_buffer = false) const;
  void read(const std::string& key, InputArchive& nested) const;
  bool try_read(const std::string& key, Tensor& tensor, bool is_buffer = false) const;
  bool try_read(const std::string& key, InputArchive& nested) const;
  // The first parts of the names, up to the dot, each once, in order.
  std::vector<std::string> keys() const;
  const ArchiveEntries& entries() const { return entries_; }

  // From safetensors, in place of what the archive held; defined in nn/serialize/archive.cpp. Throw FileError.
  void load_from(const std::string& path);
  void load_from(std::istream& stream);

 private:
  ArchiveEntries entries_;
};

}  // namespace tessera::serialize
