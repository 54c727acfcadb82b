// Counting labels on the CPU.
//
// Parallel mapping: the labels are cut into one part a thread, each counted into a table of its own; the tables are added at the
// end. Counts are integers, so the cut does not show. Weighted sums are cut into 16 parts whatever the number of threads, and
// their tables added in that order. Tables of more than 2^16 bins would cost more than they save: one part then.
// Memory traffic: labels (and weights) once.
#include <algorithm>

#include "kernels/count/count.h"
#include "kernels/elementwise/plan.h"
#include "kernels/parallel.h"
#include "kernels/scratch.h"

namespace tessera::kernels::cpu {
namespace {

constexpr int64_t kMostBins = 65536;

// Calls count(table, begin, end) for `parts` ranges of [0, total), each with a zeroed table of its own, and adds the tables to
// `out` in the order of the parts.
template <class C, class Count>
void count_in_parts(int64_t total, int64_t bins, int64_t parts, C* out, int64_t stride, Count count) {
  Scratch<C> tables(parts * bins);
  std::fill(tables.data(), tables.data() + parts * bins, C{0});
  parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      count(tables.data() + part * bins, total * part / parts, total * (part + 1) / parts);
    }
  });
  for (int64_t k = 0; k < bins; ++k) {
    C sum = 0;
    for (int64_t part = 0; part < parts; ++part) sum += tables[part * bins + k];
    out[k * stride] = sum;
  }
}

int64_t thread_parts(int64_t total, int64_t bins) {
  if (bins > kMostBins) return 1;
  return std::clamp<int64_t>(total / 32768, 1, omp_get_max_threads());
}

// Calls body(offset in operand 0, offset in operand 1, count) for runs of the plan's positions [begin, end).
template <class Body> void for_each_run(const ElementwisePlan<2>& plan, int64_t begin, int64_t end, Body body) {
  while (begin < end) {
    const int64_t at = begin % plan.sizes[0], row = begin / plan.sizes[0], count = std::min(plan.sizes[0] - at, end - begin);
    body(plan.row_offset(0, row) + at * plan.strides[0][0], plan.row_offset(1, row) + at * plan.strides[1][0], count);
    begin += count;
  }
}

}  // namespace

void bincount(const View& out, const View& in, const View& weights) {
  const int64_t bins = out.sizes[0], total = in.numel();
  const bool weighted = weights.data != nullptr;
  const auto plan = make_plan<2>({&in, weighted ? &weights : &in});
  const int64_t stride = plan.strides[0][0], weight_stride = plan.strides[1][0];
  if (!weighted) {
    count_in_parts(total, bins, thread_parts(total, bins), out.as<int64_t>(), out.strides[0],
                   [&](int64_t* table, int64_t begin, int64_t end) {
                     for_each_run(plan, begin, end, [&](int64_t offset, int64_t, int64_t count) {
                       const int64_t* labels = in.as<int64_t>() + offset;
                       for (int64_t i = 0; i < count; ++i) ++table[labels[i * stride]];
                     });
                   });
    return;
  }
  dispatch_all(weights.dtype, [&]<class T>() {
    count_in_parts(total, bins, bins > kMostBins ? 1 : 16, out.as<double>(), out.strides[0],
                   [&](double* table, int64_t begin, int64_t end) {
                     for_each_run(plan, begin, end, [&](int64_t offset, int64_t weight_offset, int64_t count) {
                       const int64_t* labels = in.as<int64_t>() + offset;
                       const T* weight = weights.as<T>() + weight_offset;
                       for (int64_t i = 0; i < count; ++i) {
                         table[labels[i * stride]] += static_cast<double>(weight[i * weight_stride]);
                       }
                     });
                   });
  });
}

void confusion_matrix(const View& out, const View& target, const View& prediction) {
  const int64_t classes = out.sizes[0], total = target.numel(), bins = classes * classes;
  const auto plan = make_plan<2>({&target, &prediction});
  const int64_t row_stride = plan.strides[0][0], column_stride = plan.strides[1][0];
  // Neighbouring pixels mostly fall on one entry, and each addition waits for the one before. Two tables in turn, and an entry
  // behind each for the pixels that are left out, keep the loop free of waiting and of branches.
  const int64_t table_size = bins + 1;
  Scratch<int64_t> sums(2 * table_size);
  count_in_parts(total, 2 * table_size, thread_parts(total, bins), sums.data(), 1,
                 [&](int64_t* table, int64_t begin, int64_t end) {
                   for_each_run(plan, begin, end, [&](int64_t row_offset, int64_t column_offset, int64_t count) {
                     const int64_t* rows = target.as<int64_t>() + row_offset;
                     const int64_t* columns = prediction.as<int64_t>() + column_offset;
                     const uint64_t limit = static_cast<uint64_t>(classes);
                     for (int64_t i = 0; i < count; ++i) {
                       const uint64_t row = static_cast<uint64_t>(rows[i * row_stride]),
                                      column = static_cast<uint64_t>(columns[i * column_stride]);
                       const bool valid = (row < limit) & (column < limit);
                       ++table[(i & 1) * table_size + (valid ? static_cast<int64_t>(row * limit + column) : bins)];
                     }
                   });
                 });
  for (int64_t k = 0; k < bins; ++k) {
    out.as<int64_t>()[k / classes * out.strides[0] + k % classes * out.strides[1]] = sums[k] + sums[table_size + k];
  }
}

void one_hot(const View& out, const View& in) {
  View rows = out;  // one row of classes a label
  --rows.ndim;
  const auto plan = make_plan<2>({&in, &rows});
  const int64_t classes = out.sizes[out.ndim - 1], stride = out.strides[out.ndim - 1];
  dispatch_all(out.dtype, [&]<class T>() {
    const T one = T(static_cast<compute_t<T>>(1)), zero = T(static_cast<compute_t<T>>(0));
    parallel_for(plan.numel, 1 + 16384 / std::max<int64_t>(1, classes), [&](int64_t begin, int64_t end) {
      for_each_run(plan, begin, end, [&](int64_t offset, int64_t row_offset, int64_t count) {
        for (int64_t i = 0; i < count; ++i) {
          T* row = out.as<T>() + row_offset + i * plan.strides[1][0];
          for (int64_t k = 0; k < classes; ++k) row[k * stride] = zero;
          row[in.as<int64_t>()[offset + i * plan.strides[0][0]] * stride] = one;
        }
      });
    });
  });
}

}  // namespace tessera::kernels::cpu
