#include "core/ops/reduce.h"

#include <cmath>

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/kernel_table.h"
#include "core/ops/binary.h"
#include "core/ops/creation.h"
#include "core/ops/index.h"
#include "core/ops/product_of_others.h"
#include "core/ops/shape.h"
#include "core/ops/unary.h"
#include "core/ops/where.h"
#include "core/type_promotion.h"
#include "kernels/reduce/reduce.h"

namespace tessera {
namespace {

using autograd::BackwardContext;
using autograd::record;
using kernels::Extreme;
using kernels::ReduceOp;

const Kernel<kernels::Reduce> reduce = TESSERA_KERNEL(reduce);
const Kernel<kernels::Variance> variance = TESSERA_KERNEL(variance);
const Kernel<kernels::ArgReduce> arg_reduce = TESSERA_KERNEL(arg_reduce);
const Kernel<kernels::Cumsum> cumsum_kernel = TESSERA_KERNEL(cumsum);

// What a reduction does to a shape. Ops compute and record the `kept` form, in which gradients broadcast, and squeeze it last.
struct Reduction {
  DimVector kept;      // reduced sizes are 1
  DimVector squeezed;  // reduced sizes are gone
  int64_t count = 1;   // elements that fall on one result
};

Reduction parse(const char* op, const Tensor& x, IntArrayRef dims) {
  bool reduced[kMaxDims] = {};
  for (int64_t dim : dims) {
    bool& flag = reduced[normalize_dim(op, dim, x.dim())];
    check<IndexError>(!flag, "{}: dim {} stands twice in {}", op, dim, dims);
    flag = true;
  }
  Reduction result;
  for (int64_t d = 0; d < x.dim(); ++d) {
    const bool gone = dims.empty() || reduced[d];
    result.kept.push_back(gone ? 1 : x.size(d));
    if (gone)
      result.count *= x.size(d);
    else
      result.squeezed.push_back(x.size(d));
  }
  return result;
}

Tensor make_out(const Tensor& x, const Reduction& shape, ScalarType dtype) {
  const MemoryFormat format = x.suggest_memory_format();
  return empty(shape.kept, x.options().dtype(dtype).memory_format(format));
}

Tensor run(ReduceOp op, const Tensor& x, const Reduction& shape, ScalarType dtype) {
  Tensor out = make_out(x, shape, dtype);
  reduce(x.device(), out.as_view(), x.as_view(), op);
  return out;
}

Tensor finish(const Tensor& out, const Reduction& shape, bool keepdim) {
  return keepdim ? out : view(out, shape.squeezed);
}

void check_floating(const char* op, ScalarType type) {
  check<TypeError>(is_floating_point(type), "{}: {} is no floating-point type. Convert with to(kFloat).", op, type);
}

void check_not_empty(const char* op, const Tensor& x, const Reduction& shape) {
  check<ValueError>(shape.count > 0, "{}: shape {} has no elements to choose from. Reduce another dimension.", op, x.sizes());
}

ScalarType sum_type(const Tensor& x) {
  return x.is_floating_point() ? autocast::widened_type(x) : kInt64;
}

Tensor record_mean(const Tensor& x, const Tensor& out, int64_t count) {
  return record("mean", {x}, out, {}, [count, from = x.layout().sizes](const BackwardContext& ctx) -> variable_list {
    return {expand(div(ctx.grad(), count), from)};
  });
}

Tensor extreme(const char* name, ReduceOp op, const Tensor& x, IntArrayRef dims, bool keepdim) {
  const Reduction shape = parse(name, x, dims);
  check_not_empty(name, x, shape);
  const Tensor out = run(op, x, shape, x.dtype());
  record(name, {x}, out, {x, out}, [dims = dims.dims()](const BackwardContext& ctx) -> variable_list {
    const Tensor attained = eq(ctx.saved(0), ctx.saved(1)).to(ctx.grad().dtype());
    return {mul(attained, div(ctx.grad(), sum(attained, dims, /*keepdim=*/true)))};
  });
  return finish(out, shape, keepdim);
}

std::tuple<Tensor, Tensor> extreme_along(const char* name, Extreme which, const Tensor& x, int64_t dim, bool keepdim) {
  const int64_t d = normalize_dim(name, dim, x.dim());
  if (x.dim() == 0) {
    const auto [values, indices] = extreme_along(name, which, reshape(x, {1}), 0, false);
    return {values, indices};
  }
  const Reduction shape = parse(name, x, d);
  check_not_empty(name, x, shape);
  const Tensor values = make_out(x, shape, x.dtype()), indices = make_out(x, shape, kInt64);
  arg_reduce(x.device(), values.as_view(), indices.as_view(), x.as_view(), static_cast<int>(d), which);
  record(name, {x}, values, {indices}, [d, from = x.layout().sizes](const BackwardContext& ctx) -> variable_list {
    return {scatter_add(zeros(from, ctx.grad().options()), d, ctx.saved(0), ctx.grad())};
  });
  return {finish(values, shape, keepdim), finish(indices, shape, keepdim)};
}

Tensor place_of_extreme(const char* name, Extreme which, const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
  NoGradGuard no_grad;
  if (!dim || x.dim() == 0) {
    if (dim) normalize_dim(name, *dim, x.dim());
    const Tensor flat = place_of_extreme(name, which, reshape(x, {-1}), 0, false);
    return keepdim ? view(flat, DimVector(static_cast<size_t>(x.dim()), 1)) : flat;
  }
  const int64_t d = normalize_dim(name, *dim, x.dim());
  const Reduction shape = parse(name, x, d);
  check_not_empty(name, x, shape);
  const Tensor indices = make_out(x, shape, kInt64);
  arg_reduce(x.device(), View{}, indices.as_view(), x.as_view(), static_cast<int>(d), which);
  return finish(indices, shape, keepdim);
}

// d var / d x = 2 (x - mean) / max(0, count - correction). The mean is taken again, as a function of x, for second derivatives.
Tensor variance_gradient(const Tensor& grad, const Tensor& x, const DimVector& dims, double divisor) {
  return mul(mul(grad, 2 / divisor), sub(x, mean(x, dims, /*keepdim=*/true)));
}

struct Moments {
  Tensor var, mean;  // mean is undefined where it was not asked for
};

Moments moments(const char* name, const Tensor& x, const Reduction& shape, IntArrayRef dims, double correction, bool want_mean) {
  check_floating(name, x.dtype());
  Moments out{make_out(x, shape, x.dtype()), want_mean ? make_out(x, shape, x.dtype()) : Tensor()};
  variance(x.device(), out.var.as_view(), want_mean ? out.mean.as_view() : View{}, x.as_view(), correction);
  const double divisor = std::max(0.0, static_cast<double>(shape.count) - correction);
  record("var", {x}, out.var, {x}, [dims = dims.dims(), divisor](const BackwardContext& ctx) -> variable_list {
    return {variance_gradient(ctx.grad(), ctx.saved(0), dims, divisor)};
  });
  if (want_mean) record_mean(x, out.mean, shape.count);
  return out;
}

// sqrt whose gradient is 0 where its value is: the subgradient of std and of a norm at 0.
Tensor root(const Tensor& x) {
  Tensor out;
  {
    NoGradGuard no_grad;
    out = sqrt(x);
  }
  return record("std", {x}, out, {out}, [](const BackwardContext& ctx) -> variable_list {
    const Tensor y = ctx.saved(0);
    return {masked_fill(div(ctx.grad(), mul(y, 2)), eq(y, 0), 0)};
  });
}

Tensor scan(const Tensor& x, int64_t dim, bool reverse) {
  Tensor out = empty_like(x, sum_type(x));
  cumsum_kernel(x.device(), out.as_view(), x.as_view(), static_cast<int>(dim), reverse);
  return record("cumsum", {x}, out, {},
                [dim, reverse](const BackwardContext& ctx) -> variable_list { return {scan(ctx.grad(), dim, !reverse)}; });
}

}  // namespace

Tensor sum(const Tensor& x, IntArrayRef dims, bool keepdim, std::optional<ScalarType> dtype) {
  const Reduction shape = parse("sum", x, dims);
  const Tensor out = run(ReduceOp::Sum, x, shape, dtype.value_or(sum_type(x)));
  record("sum", {x}, out, {},
         [from = x.layout().sizes](const BackwardContext& ctx) -> variable_list { return {expand(ctx.grad(), from)}; });
  return finish(out, shape, keepdim);
}

Tensor mean(const Tensor& x, IntArrayRef dims, bool keepdim, std::optional<ScalarType> dtype) {
  const Reduction shape = parse("mean", x, dims);
  check_floating("mean", dtype.value_or(x.dtype()));
  return finish(record_mean(x, run(ReduceOp::Mean, x, shape, dtype.value_or(x.dtype())), shape.count), shape, keepdim);
}

Tensor prod(const Tensor& x, IntArrayRef dims, bool keepdim) {
  const Reduction shape = parse("prod", x, dims);
  const Tensor out = run(ReduceOp::Prod, x, shape, sum_type(x));
  record("prod", {x}, out, {x}, [dims = dims.dims()](const BackwardContext& ctx) -> variable_list {
    const Tensor x = ctx.saved(0);
    if (GradMode::is_enabled()) return {mul(ctx.grad(), product_of_others(x, dims))};
    // out / x where no element is 0; for a lone 0 the product of the rest, and 0 for all else.
    const Tensor zero = eq(x, 0), rest = masked_fill(x, zero, 1);
    const Tensor zeros = sum(zero, dims, true), product = prod(rest, dims, true);
    const Tensor at_zero = masked_fill(product, ne(zeros, 1), 0), elsewhere = masked_fill(product, ne(zeros, 0), 0);
    return {mul(ctx.grad(), where(zero, at_zero, div(elsewhere, rest)))};
  });
  return finish(out, shape, keepdim);
}

Tensor amax(const Tensor& x, IntArrayRef dims, bool keepdim) {
  return extreme("amax", ReduceOp::Max, x, dims, keepdim);
}
Tensor amin(const Tensor& x, IntArrayRef dims, bool keepdim) {
  return extreme("amin", ReduceOp::Min, x, dims, keepdim);
}
Tensor max(const Tensor& x) {
  return extreme("max", ReduceOp::Max, x, {}, false);
}
Tensor min(const Tensor& x) {
  return extreme("min", ReduceOp::Min, x, {}, false);
}

std::tuple<Tensor, Tensor> max(const Tensor& x, int64_t dim, bool keepdim) {
  return extreme_along("max", Extreme::Max, x, dim, keepdim);
}

std::tuple<Tensor, Tensor> min(const Tensor& x, int64_t dim, bool keepdim) {
  return extreme_along("min", Extreme::Min, x, dim, keepdim);
}

Tensor argmax(const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
  return place_of_extreme("argmax", Extreme::Max, x, dim, keepdim);
}

Tensor argmin(const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
  return place_of_extreme("argmin", Extreme::Min, x, dim, keepdim);
}

Tensor all(const Tensor& x, IntArrayRef dims, bool keepdim) {
  const Reduction shape = parse("all", x, dims);
  return finish(run(ReduceOp::All, x, shape, kBool), shape, keepdim);
}

Tensor any(const Tensor& x, IntArrayRef dims, bool keepdim) {
  const Reduction shape = parse("any", x, dims);
  return finish(run(ReduceOp::Any, x, shape, kBool), shape, keepdim);
}

Tensor var(const Tensor& x, IntArrayRef dims, double correction, bool keepdim) {
  const Reduction shape = parse("var", x, dims);
  return finish(moments("var", x, shape, dims, correction, false).var, shape, keepdim);
}

Tensor std(const Tensor& x, IntArrayRef dims, double correction, bool keepdim) {
  const Reduction shape = parse("std", x, dims);
  return finish(root(moments("std", x, shape, dims, correction, false).var), shape, keepdim);
}

std::tuple<Tensor, Tensor> var_mean(const Tensor& x, IntArrayRef dims, double correction, bool keepdim) {
  const Reduction shape = parse("var_mean", x, dims);
  const Moments out = moments("var_mean", x, shape, dims, correction, true);
  return {finish(out.var, shape, keepdim), finish(out.mean, shape, keepdim)};
}

std::tuple<Tensor, Tensor> std_mean(const Tensor& x, IntArrayRef dims, double correction, bool keepdim) {
  const Reduction shape = parse("std_mean", x, dims);
  const Moments out = moments("std_mean", x, shape, dims, correction, true);
  return {finish(root(out.var), shape, keepdim), finish(out.mean, shape, keepdim)};
}

Tensor norm(const Tensor& x, double p, IntArrayRef dims, bool keepdim) {
  const Reduction shape = parse("norm", x, dims);
  check_floating("norm", x.dtype());
  if (p == 1) {
    const Tensor out = run(ReduceOp::L1, x, shape, sum_type(x));
    record("norm", {x}, out, {x},
           [](const BackwardContext& ctx) -> variable_list { return {mul(ctx.grad(), sign(ctx.saved(0)))}; });
    return finish(out, shape, keepdim);
  }
  if (p == 2) {
    const Tensor out = run(ReduceOp::L2, x, shape, sum_type(x));
    record("norm", {x}, out, {x, out}, [](const BackwardContext& ctx) -> variable_list {
      const Tensor y = ctx.saved(1);
      return {mul(ctx.saved(0), masked_fill(div(ctx.grad(), y), eq(y, 0), 0))};
    });
    return finish(out, shape, keepdim);
  }
  if (std::isinf(p)) return p > 0 ? amax(abs(x), dims, keepdim) : amin(abs(x), dims, keepdim);
  if (p == 0) return sum(ne(x, 0), dims, keepdim, x.dtype());
  return pow(sum(pow(abs(x), p), dims, keepdim), 1 / p);
}

Tensor logsumexp(const Tensor& input, IntArrayRef dims, bool keepdim) {
  const Tensor x = autocast::widen(input);
  const Reduction shape = parse("logsumexp", x, dims);
  check_floating("logsumexp", x.dtype());
  Tensor out;
  {
    NoGradGuard no_grad;
    Tensor shift = shape.count == 0 ? zeros(shape.kept, x.options()) : amax(x, dims, true);
    shift = masked_fill(shift, logical_not(isfinite(shift)), 0);
    out = add(log(sum(exp(sub(x, shift)), dims, true)), shift);
  }
  record("logsumexp", {x}, out, {x, out}, [](const BackwardContext& ctx) -> variable_list {
    const Tensor y = ctx.saved(1);  // where it is -inf so is every x: exp(x - 0) is the gradient 0, where x - y were NaN
    return {mul(ctx.grad(), exp(sub(ctx.saved(0), masked_fill(y, eq(y, -std::numeric_limits<double>::infinity()), 0))))};
  });
  return finish(out, shape, keepdim);
}

Tensor cumsum(const Tensor& input, int64_t dim) {
  const Tensor x = autocast::widen(input);
  const int64_t d = normalize_dim("cumsum", dim, x.dim());
  return x.dim() == 0 ? reshape(scan(reshape(x, {1}), 0, false), {}) : scan(x, d, false);
}

bool equal(const Tensor& a, const Tensor& b) {
  NoGradGuard no_grad;
  return a.sizes() == b.sizes() && all(eq(a, b)).item<bool>();
}

bool allclose(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan) {
  NoGradGuard no_grad;
  const auto wide = [](const Tensor& x) { return x.is_floating_point() ? x : x.to(kDouble); };
  const Tensor x = wide(a), y = wide(b), error = abs(sub(x, y));
  Tensor close = logical_or(eq(x, y), logical_and(isfinite(error), le(error, add(mul(abs(y), rtol), atol))));
  if (equal_nan) close = logical_or(close, logical_and(isnan(x), isnan(y)));
  return all(close).item<bool>();
}

}  // namespace tessera
