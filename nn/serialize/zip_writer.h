// Writing a zip archive of uncompressed entries, in one pass. Source: PKWARE's APPNOTE.TXT 6.3.9, with zip64 where a size or a
// place needs more than 32 bits.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

namespace tessera {

// Each entry's bytes begin at a multiple of 64, as PyTorch places them, so that they can be mapped into memory. The stream's
// present position counts as 0.
class ZipWriter {
 public:
  explicit ZipWriter(std::ostream& stream) : stream_(stream) {}
  void add(const std::string& name, std::span<const uint8_t> bytes);
  void finish();  // writes the directory: once, after the last entry

 private:
  struct Entry {
    std::string name;
    uint64_t size, at;
    uint32_t crc;
  };
  void write(const std::string& bytes);

  std::ostream& stream_;
  uint64_t position_ = 0;
  std::vector<Entry> entries_;
};

// The checksum of zip and PNG: the polynomial 0xEDB88320, reflected.
uint32_t crc32(std::span<const uint8_t> bytes);

}  // namespace tessera
