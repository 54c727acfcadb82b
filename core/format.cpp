// Printing tensors, in the manner of PyTorch: nested rows, dtype and shape below.
#include <ostream>

#include "core/autograd.h"
#include "core/format.h"

namespace tessera {
namespace {

constexpr int64_t kEdge = 3;           // elements shown at each end of a long dimension
constexpr int64_t kSummarizeAbove = 1000;

void print(std::ostream& os, const Tensor& x, const std::string& indent, bool summarize) {
  if (x.dim() == 0) {
    const Scalar value = x.item();
    if (x.dtype() == kBool) os << (value.to<bool>() ? "true" : "false");
    else if (value.is_floating_point()) os << fmt::format("{:.4g}", value.to_double());
    else os << value.to<int64_t>();
    return;
  }
  const int64_t count = x.size(0);
  os << '[';
  for (int64_t i = 0; i < count; ++i) {
    if (i > 0) os << (x.dim() == 1 ? ", " : ",\n" + indent + " ");
    if (summarize && count > 2 * kEdge && i == kEdge) {
      os << "...";
      i = count - kEdge - 1;
      continue;
    }
    print(os, x.select(0, i), indent + " ", summarize);
  }
  os << ']';
}

}  // namespace

std::ostream& operator<<(std::ostream& os, const Tensor& x) {
  if (!x.defined()) return os << "[undefined tensor]";
  NoGradGuard no_grad;
  print(os, x.cpu(), "", x.numel() > kSummarizeAbove);
  os << fmt::format("\n[{} {}", to_string(x.dtype()), to_string(x.sizes()));
  if (!x.device().is_cpu()) os << ' ' << x.device().str();
  if (const auto node = x.grad_fn()) os << " grad_fn=" << node->name();
  else if (x.requires_grad()) os << " requires_grad";
  return os << ']';
}

}  // namespace tessera
