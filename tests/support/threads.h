// Kernels under a given number of threads, for tests that their bits do not depend on it.
#pragma once

#include <omp.h>

#include <utility>

namespace tessera::testing_support {

// Returns body(), run with `count` threads.
template <class F> decltype(auto) with_threads(int count, F&& body) {
  struct Restore {
    int before = omp_get_max_threads();
    ~Restore() { omp_set_num_threads(before); }
  } restore;
  omp_set_num_threads(count);
  return std::forward<F>(body)();
}

}  // namespace tessera::testing_support
