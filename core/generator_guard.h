// Random numbers of one's own: what default_generator() is on this thread, for a while.
#pragma once

#include "core/random.h"

namespace tessera {

// While it lives, default_generator() is a new generator of this seed on the present thread, and on no other. The data loaders
// put one around each piece of work: what user code draws there depends on the piece alone, not on the thread that does it or on
// what the others draw. Guards nest.
class GeneratorGuard {
 public:
  explicit GeneratorGuard(uint64_t seed);
  ~GeneratorGuard();
  GeneratorGuard(const GeneratorGuard&) = delete;
  GeneratorGuard& operator=(const GeneratorGuard&) = delete;

 private:
  Generator generator_;
  Generator* const previous_;
};

}  // namespace tessera
