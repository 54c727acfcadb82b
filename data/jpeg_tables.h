// A look at a JPEG file before stb_image decodes it.
#pragma once

#include <cstdint>
#include <span>

namespace tessera::data {

// Whether each Huffman table (DHT, ITU T.81 B.2.4.2) that a decoder could come to names at most the 256 values that there are.
// stb_image 2.27, which Debian 12 has, believes the counts and writes beyond its table. Any bytes may be given.
bool jpeg_tables_fit(std::span<const uint8_t> bytes);

}  // namespace tessera::data
