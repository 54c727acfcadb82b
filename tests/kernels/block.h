// A block of memory with a view on it, of any element type and memory order: what the tests of reductions and indexing use.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/index/positions.h"

namespace tessera::kernels {

// A view on memory of its own. `order` lists the dimensions from outermost to innermost in memory; `gap` spreads the elements.
struct Block {
  std::vector<char> bytes;
  View view;

  Block(ScalarType dtype, const std::vector<int64_t>& sizes, std::vector<int> order = {}, int64_t gap = 1) {
    view.dtype = dtype;
    view.ndim = static_cast<int>(sizes.size());
    if (order.empty()) {
      for (int d = 0; d < view.ndim; ++d) order.push_back(d);
    }
    int64_t stride = gap;
    for (int i = view.ndim - 1; i >= 0; --i) {
      const int d = order[i];
      view.sizes[d] = sizes[d];
      view.strides[d] = stride;
      stride *= sizes[d];
    }
    bytes.resize(static_cast<size_t>(std::max<int64_t>(1, stride)) * element_size(dtype) + 64);
    view.data = bytes.data() + element_size(dtype);  // not aligned to a vector
  }

  void fill(auto&& value) {
    int64_t i = 0;
    for_each_position(view, [&](const Position& p) { store_as(view, offset_of(view, p), value(i++)); });
  }
};

inline std::vector<double> numbers(const View& view) {
  std::vector<double> result;
  for_each_position(view, [&](const Position& p) {
    dispatch_all(view.dtype, [&]<class T>() { result.push_back(static_cast<double>(view.as<T>()[offset_of(view, p)])); });
  });
  return result;
}

inline void expect_close(const View& actual, const View& expected, double tolerance, const std::string& what) {
  const auto a = numbers(actual), b = numbers(expected);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    const bool same = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]));
    ASSERT_TRUE(same || std::abs(a[i] - b[i]) <= tolerance * std::max(1.0, std::abs(b[i])))
        << what << ": element " << i << " is " << a[i] << ", not " << b[i];
  }
}

}  // namespace tessera::kernels
