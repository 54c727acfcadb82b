// Uncompressed zip archives: reading one that lies in memory, and writing one entry after the other.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

struct zip;

namespace tessera {

// Reads through libzip. Messages begin with `name`; both arguments must outlive the archive. Everything throws FileError for what
// is damaged, and for every file in a build without libzip.
class ZipArchive {
 public:
  ZipArchive(std::span<const uint8_t> bytes, const std::string& name);
  ~ZipArchive();
  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;

  // The first entry in the outermost folders whose path ends so, as "archive/data.pkl" in "/data.pkl".
  std::optional<std::string> find_suffix(const std::string& suffix) const;
  // Nothing if there is no such entry. An entry that is compressed or larger than the archive throws.
  std::optional<uint64_t> size_of(const std::string& entry) const;
  // Reads the first to.size() bytes; of a whole entry, the checksum is checked.
  void read(const std::string& entry, std::span<uint8_t> to) const;

 private:
  std::span<const uint8_t> bytes_;
  const std::string& name_;
  ::zip* archive_ = nullptr;
};

}  // namespace tessera
