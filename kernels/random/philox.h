// Philox4x32-10, a counter-based random number generator: 128 counter bits and a 64-bit key give 128 random bits.
//
// J. Salmon, M. Moraes, R. Dror, D. Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011. There is no state: block n of
// a stream is a function of n, so any thread can make any part of a random tensor and the values do not depend on the cut.
#pragma once

#include <array>
#include <cstdint>

namespace tessera::kernels {

using PhiloxBlock = std::array<uint32_t, 4>;

[[gnu::always_inline]] constexpr PhiloxBlock philox4x32(PhiloxBlock counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53} * counter[0], product1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
    key[0] += 0x9E3779B9;  // the golden ratio
    key[1] += 0xBB67AE85;  // sqrt(3) - 1
  }
  return counter;
}

// Block `index` of the stream that (seed, offset) names.
[[gnu::always_inline]] constexpr PhiloxBlock philox_block(uint64_t seed, uint64_t offset, uint64_t index) {
  return philox4x32({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), static_cast<uint32_t>(offset),
                     static_cast<uint32_t>(offset >> 32)},
                    {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
}

}  // namespace tessera::kernels
