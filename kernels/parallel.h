// Work sharing over the cores, by OpenMP.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace tessera::kernels {

// Calls body(begin, end) on disjoint ranges that cover [0, count), one contiguous range a thread, at least `grain` items each.
// The cut depends on count, grain and the thread count alone, so results that depend on it repeat from run to run.
// The body must not throw. Inside another parallel region it runs on the calling thread.
template <class Body> void parallel_for(int64_t count, int64_t grain, Body&& body) {
  if (count <= 0) return;
  const int64_t wanted = std::max<int64_t>(1, count / std::max<int64_t>(1, grain));
  const int threads = omp_in_parallel() ? 1 : static_cast<int>(std::min<int64_t>(wanted, omp_get_max_threads()));
  if (threads == 1) {
    body(int64_t{0}, count);
    return;
  }
#pragma omp parallel num_threads(threads)
  {
    const int64_t team = omp_get_num_threads(), rank = omp_get_thread_num();
    const int64_t begin = count * rank / team, end = count * (rank + 1) / team;
    if (begin < end) body(begin, end);
  }
}

}  // namespace tessera::kernels
