// Random numbers for data: the order of a shuffled epoch, augmentation, procedural scenes.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace tessera::data {

// A stream of random numbers that its keys alone determine: RandomStream{seed, epoch, index} gives the same numbers on every
// machine, in every thread, whatever else was drawn. That is what makes loading exact: a sample's augmentation does not depend
// on which worker made it or when.
//
// The generator is splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): a counter that
// advances by an odd constant, and a bijective mix of it. The keys are folded in by the same mix.
class RandomStream {
 public:
  RandomStream(std::initializer_list<uint64_t> keys) {
    for (uint64_t key : keys) state_ = mix(state_ ^ mix(key + kStep));
  }

  uint64_t next() { return mix(state_ += kStep); }

  // Uniform in [0, 1), a multiple of 2^-53.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }

  // Uniform over the integers low..high, both included; needs low <= high. The bias of the multiplication is below 2^-32 for
  // ranges below 2^32.
  int64_t integer(int64_t low, int64_t high) {
    const uint64_t range = static_cast<uint64_t>(high - low) + 1;
    return low + static_cast<int64_t>((static_cast<unsigned __int128>(next()) * range) >> 64);
  }

  bool chance(double probability) { return uniform() < probability; }

 private:
  static constexpr uint64_t kStep = 0x9E3779B97F4A7C15;
  static constexpr uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }

  uint64_t state_ = 0;
};

}  // namespace tessera::data
