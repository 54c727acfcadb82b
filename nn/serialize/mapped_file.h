// A file's bytes, as the system maps them into memory: reading a part of a large file costs that part.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace tessera {

class MappedFile {
 public:
  // Throws FileError for what is missing, no regular file or unreadable.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const uint8_t> bytes() const { return bytes_; }

 private:
  std::span<const uint8_t> bytes_;
};

}  // namespace tessera
