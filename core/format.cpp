// Printing tensors as libtorch does.
#include "core/format.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <ostream>

#include "core/grad_mode.h"
#include "core/ops/copy.h"
#include "core/ops/shape.h"

namespace tessera {
namespace {

constexpr int64_t kLineLength = 80;

// Restores a stream's number format.
class FormatGuard {
 public:
  explicit FormatGuard(std::ostream& os) : os_(os) { saved_.copyfmt(os); }
  ~FormatGuard() { os_.copyfmt(saved_); }
  FormatGuard(const FormatGuard&) = delete;
  FormatGuard& operator=(const FormatGuard&) = delete;

 private:
  std::ostream& os_;
  std::ios saved_{nullptr};
};

const char* type_name(ScalarType type) {
  switch (type) {
    case kFloat32: return "Float";
    case kFloat64: return "Double";
    case kBFloat16: return "BFloat16";
    case kFloat16: return "Half";
    case kInt64: return "Long";
    case kInt32: return "Int";
    case kInt16: return "Short";
    case kInt8: return "Char";
    case kUInt8: return "Byte";
    case kBool: return "Bool";
  }
  return "?";
}

// How the numbers of one block are written: divided by `scale`, in columns of `width`.
struct NumberFormat {
  double scale = 1;
  int width = 0;
};

int digits_before_point(double magnitude) { return magnitude == 0 ? 1 : static_cast<int>(std::floor(std::log10(magnitude))) + 1; }

// Chooses the format for x (float64, contiguous) and sets the stream to it.
NumberFormat choose_format(std::ostream& os, const Tensor& x) {
  const double* const begin = x.data_ptr<double>();
  const double* const end = begin + x.numel();
  const double* const first = std::find_if(begin, end, [](double v) { return std::isfinite(v); });
  double smallest = 1, largest = 1;
  if (first != end) smallest = largest = std::abs(*first);
  bool whole = true;
  for (const double* v = first; v != end; ++v) {
    if (!std::isfinite(*v)) continue;
    whole = whole && *v == std::ceil(*v);
    smallest = std::min(smallest, std::abs(*v));
    if (*v > largest) largest = *v;  // of positive numbers, as in libtorch
  }
  const int low = digits_before_point(smallest), high = digits_before_point(largest);
  os.unsetf(std::ios_base::floatfield);
  if (whole && high <= 9) return {1, high + 1};
  os << std::setprecision(4);
  if (whole || high - low > 4) {
    os << std::scientific;
    return {1, !whole && (std::abs(high) > 99 || std::abs(low) > 99) ? 12 : 11};
  }
  os << std::fixed;
  if (high > 5 || high < 0) return {std::pow(10.0, high - 1), 7};
  return {1, high == 0 ? 7 : high + 6};
}

void print_scale(std::ostream& os, double scale) {
  const FormatGuard guard(os);
  os.unsetf(std::ios_base::floatfield);
  os << scale << " *\n";
}

void print_vector(std::ostream& os, const Tensor& x) {
  if (x.numel() == 0) return;
  const NumberFormat format = choose_format(os, x);
  if (format.scale != 1) print_scale(os, format.scale);
  for (int64_t i = 0; i < x.size(0); ++i) os << std::setw(format.width) << x.data_ptr<double>()[i] / format.scale << '\n';
}

void print_matrix(std::ostream& os, const Tensor& x, int indent) {
  if (x.numel() == 0) return;
  const NumberFormat format = choose_format(os, x);
  const std::string margin(static_cast<size_t>(indent), ' ');
  const int64_t columns = x.size(1), per_line = (kLineLength - indent) / (format.width + 1);
  os << margin;
  for (int64_t from = 0; from < columns; from += per_line) {
    const int64_t to = std::min(from + per_line, columns);
    if (per_line < columns) os << (from > 0 ? "\n" : "") << "Columns " << from + 1 << " to " << to << margin;
    if (format.scale != 1) {
      print_scale(os, format.scale);
      os << margin;
    }
    for (int64_t r = 0; r < x.size(0); ++r) {
      if (r > 0) os << margin << (format.scale != 1 ? " " : "");
      for (int64_t c = from; c < to; ++c)
        os << std::setw(format.width) << x.data_ptr<double>()[r * columns + c] / format.scale << (c + 1 < to ? ' ' : '\n');
    }
  }
}

// The matrices of the last two dimensions in turn; the first of the other dimensions moves fastest.
void print_matrices(std::ostream& os, const Tensor& x) {
  if (x.numel() == 0) return;
  int64_t count = 1;
  for (int64_t d = 0; d < x.dim() - 2; ++d) count *= x.size(d);
  for (int64_t i = 0; i < count; ++i) {
    os << (i > 0 ? "\n" : "") << '(';
    Tensor matrix = x;
    int64_t left = i;
    for (int64_t d = 0; d < x.dim() - 2; ++d) {
      matrix = select(matrix, 0, left % x.size(d));
      os << left % x.size(d) + 1 << ',';
      left /= x.size(d);
    }
    os << ".,.) = \n";
    print_matrix(os, matrix, 1);
  }
}

}  // namespace

std::ostream& operator<<(std::ostream& os, const Tensor& x) {
  if (!x.defined()) return os << "[ Tensor (undefined) ]";
  const FormatGuard guard(os);
  NoGradGuard no_grad;
  const Tensor numbers = contiguous(to(x.detach().cpu(), kFloat64));
  os.unsetf(std::ios_base::floatfield);
  if (x.dim() == 0)
    os << numbers.item<double>() << '\n';
  else if (x.dim() == 1)
    print_vector(os, numbers);
  else if (x.dim() == 2)
    print_matrix(os, numbers, 0);
  else
    print_matrices(os, numbers);
  os << "[ " << (x.is_cpu() ? "CPU" : "CUDA") << type_name(x.dtype()) << "Type{";
  for (int64_t d = 0; d < x.dim(); ++d) os << (d > 0 ? "," : "") << x.size(d);
  return os << "} ]";
}

std::ostream& operator<<(std::ostream& os, ScalarType type) { return os << type_name(type); }
std::ostream& operator<<(std::ostream& os, const Device& device) { return os << device.str(); }
std::ostream& operator<<(std::ostream& os, const Scalar& value) {
  if (value.isBoolean()) return os << (value.toBool() ? "true" : "false");
  return value.is_floating_point() ? os << value.toDouble() : os << value.toLong();
}
std::ostream& operator<<(std::ostream& os, IntArrayRef values) { return os << to_string(values); }

}  // namespace tessera
