// Random streams: Philox, counter-based, so that a number depends on (seed, offset, element) alone and not on device or threads.
#pragma once

#include <cstdint>

namespace tessera {

// Numbers the draws from one Philox stream. The whole state is (seed, offset); a checkpoint stores these two numbers.
class Generator {
 public:
  explicit Generator(uint64_t seed = 0) : seed_(seed) {}
  void manual_seed(uint64_t seed) {
    seed_ = seed;
    offset_ = 0;
  }
  uint64_t seed() const { return seed_; }
  uint64_t offset() const { return offset_; }
  void set_state(uint64_t seed, uint64_t offset) {
    seed_ = seed;
    offset_ = offset;
  }
  uint64_t next_offset() { return offset_++; }  // each draw takes one

 private:
  uint64_t seed_, offset_ = 0;
};

// The generator that ops use when they are given none. Not for use from several threads at once.
Generator& default_generator();
void manual_seed(uint64_t seed);

}  // namespace tessera
