#include "data/jpeg_tables.h"

#include <algorithm>
#include <numeric>

namespace tessera::data {
namespace {

constexpr int kStartOfScan = 0xDA, kHuffmanTables = 0xC4, kEndOfImage = 0xD9;

// The tables of a segment of `length` bytes at the start of `bytes`. The last may reach beyond it, since a decoder follows the
// counts; where the file ends, it reads zeros.
bool tables_fit(std::span<const uint8_t> bytes, size_t length) {
  for (size_t used = 0; used < length && !bytes.empty();) {
    const size_t header = std::min<size_t>(bytes.size(), 17);  // class and number, then how many codes there are of 1 to 16 bits
    const size_t values = std::accumulate(bytes.begin() + 1, bytes.begin() + static_cast<ptrdiff_t>(header), size_t{0});
    if (values > 256) return false;
    used += 17 + values;
    bytes = bytes.subspan(std::min(bytes.size(), 17 + values));
  }
  return true;
}

}  // namespace

bool jpeg_tables_fit(std::span<const uint8_t> bytes) {
  // From marker to marker. What is between segments is passed over, and so is the coded data behind a scan's header: in it 0xFF
  // is followed by 0 or a restart marker.
  for (size_t at = 0; at + 1 < bytes.size();) {
    const int code = bytes[at + 1];
    const bool marker = bytes[at] == 0xFF && code != 0 && code != 0xFF;
    const bool alone = code == 0x01 || (code >= 0xD0 && code <= 0xD8);  // no segment follows
    if (!marker || alone) {
      at += marker ? 2 : 1;
      continue;
    }
    if (code == kEndOfImage || at + 3 >= bytes.size()) return true;
    const size_t length = size_t{bytes[at + 2]} << 8 | bytes[at + 3];
    if (length < 2) return true;  // the decoder ends here, too
    if (code == kHuffmanTables && !tables_fit(bytes.subspan(at + 4), length - 2)) return false;
    at += code == kStartOfScan ? 2 : 2 + length;
  }
  return true;
}

}  // namespace tessera::data
