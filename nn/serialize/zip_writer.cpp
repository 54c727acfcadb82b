#include "nn/serialize/zip_writer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <ostream>

namespace tessera {
namespace {

constexpr uint64_t kMax32 = 0xFFFFFFFF;  // stands for "look into the zip64 field"
constexpr uint64_t kAlignment = 64;

// tables[0][b]: what byte b adds; tables[k][b]: the same with k zero bytes behind it, so that 8 bytes are looked up at once.
constexpr auto kCrcTables = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t crc = b;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0xEDB88320u : 0);
    tables[0][b] = crc;
  }
  for (size_t k = 1; k < 8; ++k)
    for (size_t b = 0; b < 256; ++b) tables[k][b] = (tables[k - 1][b] >> 8) ^ tables[0][tables[k - 1][b] & 0xFF];
  return tables;
}();

class Record {
 public:
  std::string bytes;
  Record& u16(uint64_t value) { return little(value, 2); }
  Record& u32(uint64_t value) { return little(value, 4); }
  Record& u64(uint64_t value) { return little(value, 8); }

 private:
  Record& little(uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes += static_cast<char>(value >> (8 * i));
    return *this;
  }
};

// The fields that the header of an entry and its line in the directory share.
void describe(Record& record, uint32_t crc, uint64_t size, const std::string& name, size_t extra, bool zip64) {
  constexpr int kUtf8 = 1 << 11, kStored = 0, kMidnight = 0, kFirstOfJanuary1980 = 1 << 5 | 1;
  record.u16(zip64 ? 45 : 20).u16(kUtf8).u16(kStored).u16(kMidnight).u16(kFirstOfJanuary1980);
  record.u32(crc).u32(std::min(size, kMax32)).u32(std::min(size, kMax32)).u16(name.size()).u16(extra);
}

}  // namespace

uint32_t crc32(std::span<const uint8_t> bytes) {
  uint32_t crc = ~0u;
  while (bytes.size() >= 8) {
    uint32_t low, high;
    std::memcpy(&low, bytes.data(), 4);
    std::memcpy(&high, bytes.data() + 4, 4);
    low ^= crc;
    crc = 0;
    for (size_t i = 0; i < 4; ++i) crc ^= kCrcTables[7 - i][low >> (8 * i) & 0xFF] ^ kCrcTables[3 - i][high >> (8 * i) & 0xFF];
    bytes = bytes.subspan(8);
  }
  for (const uint8_t byte : bytes) crc = (crc >> 8) ^ kCrcTables[0][(crc ^ byte) & 0xFF];
  return ~crc;
}

void ZipWriter::write(const std::string& bytes) {
  stream_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  position_ += bytes.size();
}

void ZipWriter::add(const std::string& name, std::span<const uint8_t> bytes) {
  const Entry entry{name, bytes.size(), position_, crc32(bytes)};
  const bool zip64 = entry.size >= kMax32;
  const uint64_t before = position_ + 30 + name.size() + (zip64 ? 20 : 0) + 4;  // with the head of the padding
  const uint64_t padding = (kAlignment - before % kAlignment) % kAlignment;
  Record header;
  header.u32(0x04034B50);
  describe(header, entry.crc, entry.size, name, (zip64 ? 20 : 0) + 4 + padding, zip64);
  header.bytes += name;
  if (zip64) header.u16(1).u16(16).u64(entry.size).u64(entry.size);
  header.u16(0x4246).u16(padding);  // "FB", the field that PyTorch pads with
  header.bytes += std::string(padding, 'Z');
  write(header.bytes);
  stream_.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  position_ += bytes.size();
  entries_.push_back(entry);
}

void ZipWriter::finish() {
  const uint64_t begin = position_;
  for (const Entry& e : entries_) {
    Record extra;
    if (e.size >= kMax32 || e.at >= kMax32) extra.u16(1).u16(24).u64(e.size).u64(e.size).u64(e.at);
    const bool zip64 = !extra.bytes.empty();
    Record line;
    line.u32(0x02014B50).u16(zip64 ? 45 : 20);
    // With a zip64 field, all three numbers stand there.
    describe(line, e.crc, zip64 ? kMax32 : e.size, e.name, extra.bytes.size(), zip64);
    line.u16(0).u16(0).u16(0).u32(0).u32(zip64 ? kMax32 : e.at);  // no comment, first disk, attributes
    write(line.bytes + e.name + extra.bytes);
  }
  const uint64_t size = position_ - begin, end = position_, count = entries_.size();
  Record tail;
  if (count >= 0xFFFF || begin >= kMax32 || size >= kMax32) {
    tail.u32(0x06064B50).u64(44).u16(45).u16(45).u32(0).u32(0).u64(count).u64(count).u64(size).u64(begin);
    tail.u32(0x07064B50).u32(0).u64(end).u32(1);
  }
  const uint64_t count16 = std::min<uint64_t>(count, 0xFFFF);
  tail.u32(0x06054B50).u16(0).u16(0).u16(count16).u16(count16).u32(std::min(size, kMax32)).u32(std::min(begin, kMax32)).u16(0);
  write(tail.bytes);
}

}  // namespace tessera
