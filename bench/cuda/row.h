// The rows of the CUDA benchmark: an op at one shape and precision, under the name that it has in the anchors file
// (../shared/anchors/h200_pytorch.json, measured with PyTorch).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace tessera::bench {

// Calls the op once and returns what it made.
using Call = std::function<TensorList()>;

struct Row {
  std::string key;
  double flops = 0;          // of the formula; 0 for an op that memory bounds
  double bytes = 0;          // the fewest that must move: each tensor once for each pass that needs it
  std::string ceiling;       // the key of the row that measures the limit
  std::string cudnn;         // the kernels that cuDNN has (set_kernels), empty where it has none
  double tolerance = 0;      // of ||ours - cuDNN's|| / ||cuDNN's||, by the precision
  std::function<std::vector<Call>()> prepare;  // makes operands, a set of them for each call, together larger than the L2 cache
};

inline const std::string kCopyCeiling = "ceiling/copy_4GiB", kBFloat16Ceiling = "ceiling/matmul8192_torch.bfloat16_",
                         kTF32Ceiling = "ceiling/matmul8192_torch.float32_tf32", kFloat32Ceiling = "ceiling/matmul8192_torch.float32_";

// How many sets of operands of `bytes` each keep a set from being in the L2 cache (50 MB on an H100) when its turn comes again.
inline int64_t sets_beyond_cache(double bytes) { return 1 + static_cast<int64_t>(128e6 / bytes); }

// A call for each of those sets; make() makes the operands of one and returns the call.
template <class Make> std::vector<Call> calls_beyond_cache(double bytes, Make&& make) {
  std::vector<Call> calls;
  for (int64_t i = sets_beyond_cache(bytes); i > 0; --i) calls.push_back(make());
  return calls;
}

std::vector<Row> ceiling_rows();
std::vector<Row> convolution_rows();
std::vector<Row> memory_bound_rows();

}  // namespace tessera::bench
