// Losses of classification: negative log-likelihood and cross-entropy on fused kernels, focal and dice composed.
#include "core/autocast.h"
#include "core/autograd.h"
#include "core/invalid_target.h"
#include "core/kernel_table.h"
#include "core/ops/binary.h"
#include "core/ops/copy.h"
#include "core/ops/count.h"
#include "core/ops/creation.h"
#include "core/ops/index.h"
#include "core/ops/loss.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "core/ops/softmax.h"
#include "core/ops/unary.h"
#include "core/ops/where.h"
#include "kernels/cross_entropy/cross_entropy.h"
#include "kernels/nll_loss/nll_loss.h"

namespace tessera {
namespace {

using autograd::BackwardContext;
using autograd::record;

const Kernel<kernels::NllLossForward> nll_loss_forward = TESSERA_KERNEL(nll_loss_forward);
const Kernel<kernels::NllLossBackward> nll_loss_backward = TESSERA_KERNEL(nll_loss_backward);
const Kernel<kernels::CrossEntropyForward> cross_entropy_forward = TESSERA_KERNEL(cross_entropy_forward);
const Kernel<kernels::CrossEntropyBackward> cross_entropy_backward = TESSERA_KERNEL(cross_entropy_backward);

void check_weight(const char* op, const Tensor& weight, int64_t classes) {
  if (!weight.defined()) return;
  check<ShapeError>(weight.dim() == 1 && weight.size(0) == classes, "{}: the weight has shape {}, the input has {} classes", op,
                    weight.sizes(), classes);
}

// Arguments in the form that the kernels take.
struct Problem {
  Tensor input;         // [N, C], [N, C, L] or [N, C, H, W]
  Tensor target;        // the same without C
  Tensor weight;        // [C] of the arithmetic's type, or undefined
  ScalarType computed;  // the arithmetic's type
  ScalarType result;    // the loss's: the input's, or float32 under autocast
};

Problem checked(const char* op, const Tensor& input, const Tensor& target, const Tensor& weight) {
  check<TypeError>(input.is_floating_point(), "{}: {} is no floating-point type. Convert with to(kFloat).", op, input.dtype());
  check<TypeError>(target.dtype() == kInt64, "{}: class indices must be int64, the target is {}. Convert with to(kLong).", op,
                   target.dtype());
  check<DeviceError>(input.device() == target.device(), "{}: input and target are on different devices", op);
  check<ShapeError>(input.dim() >= 1, "{}: the input has no class dimension; shapes [C], [N, C] and [N, C, ...] are taken", op);
  const int64_t class_dim = input.dim() == 1 ? 0 : 1, classes = input.size(class_dim);
  DimVector expected = input.layout().sizes;
  expected.erase(static_cast<size_t>(class_dim));
  check<ShapeError>(
      target.sizes() == IntArrayRef(expected) && classes >= 1,
      "{}: the target has shape {}, the input {}. Expected is a target of shape {}, the input's without dimension {}.", op,
      target.sizes(), input.sizes(), expected, class_dim);
  check_weight(op, weight, classes);
  Problem problem{input, target, {}, input.dtype() == kFloat64 ? kFloat64 : kFloat32, autocast::widened_type(input)};
  if (input.dim() == 1) {
    problem.input = unsqueeze(input, 0);
    problem.target = unsqueeze(target, 0);
  } else if (input.dim() > 4) {
    problem.input = reshape(input, {input.size(0), classes, -1});
    problem.target = reshape(target, {input.size(0), -1});
  }
  NoGradGuard no_grad;
  if (weight.defined()) problem.weight = weight.to(problem.computed).contiguous();
  return problem;
}

// Dimensions of size 1 behind the others.
View padded(const Tensor& x, int dims) {
  View view = x.as_view();
  for (; view.ndim < dims; ++view.ndim) view.sizes[view.ndim] = 1, view.strides[view.ndim] = 1;
  return view;
}
View scores(const Tensor& x) {
  return padded(x, 4);
}
View pixels(const Tensor& x) {
  return padded(x, 3);
}
View view_or_none(const Tensor& x) {
  return x.defined() ? x.as_view() : View{};
}

// On a GPU the kernel reports an invalid target by itself, and this throws what an earlier loss found (invalid_target.h).
void check_targets(const char* op, const Tensor& first_invalid, const Problem& problem, int64_t ignore_index) {
  if (first_invalid.is_cuda()) return check_reported_targets();
  const int64_t index = first_invalid.item<int64_t>();
  if (index < 0) return;
  throw IndexError(
      fmt::format("{}: target {} at element {} is out of range for {} classes. Targets to be left out must equal "
                  "ignore_index, which is {}.",
                  op, flatten(problem.target)[index].item<int64_t>(), index, problem.input.size(1), ignore_index));
}

// losses: one a pixel, in the arithmetic's type; shape and dtype: what the caller's arguments ask of the result.
Tensor reduced(const char* op, const Tensor& losses, const Tensor& divisor, Reduction reduction, IntArrayRef shape,
               ScalarType dtype) {
  check<ValueError>(reduction != Reduction::BatchMean, "{}: kBatchMean is a reduction of kl_div alone. Use kMean.", op);
  switch (reduction) {
    case Reduction::Mean: return to(div(sum(losses), divisor), dtype);
    case Reduction::Sum: return to(sum(losses), dtype);
    default: return to(reshape(losses, shape), dtype);
  }
}

// The gradient of nll_loss: -weight[t] * g at t, else 0. It is linear in g, so that its own gradient is nll_loss of what comes back.
Tensor nll_gradient(const Tensor& g, const Tensor& target, const Tensor& weight, const kernels::NllLossParams& params,
                    const Layout& layout, ScalarType dtype) {
  const Tensor grad = make_tensor(layout.fresh_like(), dtype, g.device());
  nll_loss_backward(g.device(), scores(grad), pixels(g), pixels(target), view_or_none(weight), params);
  return record("nll_loss_backward", {g}, grad, {target, weight},
                [ignore_index = params.ignore_index](const BackwardContext& ctx) -> variable_list {
                  return {nll_loss(ctx.grad(), ctx.saved(0), ctx.saved(1), kNone, ignore_index)};
                });
}

// The gradient of cross_entropy from ops, which can be differentiated: g (p_c sum_k q_k - q_c), p = softmax(x), with the weighted
// target distribution q_c = (1 - s) weight[t] [c = t] + s / C weight[c], 0 where the pixel is ignored.
Tensor cross_entropy_gradient(const Tensor& g, const Tensor& x, const Tensor& target, const Tensor& weight,
                              const kernels::CrossEntropyParams& params) {
  const Tensor valid = unsqueeze(ne(target, params.ignore_index), 1), place = unsqueeze(clamp_min(target, 0), 1);
  Tensor q;
  {
    NoGradGuard no_grad;
    const Tensor none = zeros_like(x), kept = expand(valid, x.sizes());
    const Tensor index = where(valid, place, zeros_like(place));  // ignored targets may lie outside the classes
    q = scatter_add(none, 1, index, full_like(index, 1 - params.label_smoothing, x.dtype()));
    q = add(q, params.label_smoothing / static_cast<double>(x.size(1)));
    if (weight.defined()) {
      DimVector shape(static_cast<size_t>(x.dim()), 1);
      shape[1] = x.size(1);
      q = mul(q, reshape(to(weight, x.dtype()), shape));
    }
    q = where(kept, q, none);
  }
  return mul(unsqueeze(g, 1), sub(mul(softmax(x, 1), sum(q, {1}, /*keepdim=*/true)), q));
}

// Cross-entropy with probabilities as targets.
Tensor soft_cross_entropy(const Tensor& input, const Tensor& target, const Tensor& weight, Reduction reduction,
                          int64_t ignore_index, double label_smoothing) {
  const char* const op = "cross_entropy";
  check<ShapeError>(
      input.dim() >= 1 && input.sizes() == target.sizes(),
      "cross_entropy: a floating-point target holds probabilities and must have the input's shape {}, it has {}. Class "
      "indices must be int64.",
      input.sizes(), target.sizes());
  check<ValueError>(ignore_index < 0, "cross_entropy: ignore_index {} has no meaning for a target of probabilities",
                    ignore_index);
  const int64_t class_dim = input.dim() == 1 ? 0 : 1, classes = input.size(class_dim);
  check_weight(op, weight, classes);
  Tensor terms =
      mul(log_softmax(input, class_dim),
          label_smoothing == 0 ? target : add(mul(target, 1 - label_smoothing), label_smoothing / static_cast<double>(classes)));
  if (weight.defined()) {
    DimVector shape(static_cast<size_t>(input.dim()), 1);
    shape[static_cast<size_t>(class_dim)] = classes;
    terms = mul(terms, reshape(weight.detach(), shape));
  }
  const Tensor losses = neg(sum(terms, {class_dim}));
  return reduced(op, losses, full({}, losses.numel(), losses.options()), reduction, losses.sizes(), autocast::widened_type(input));
}

// Class indices [N, ...] as one-hot vectors [N, C, ...]; all zeros where the index is ignore_index.
Tensor one_hot_channels(const Tensor& target, int64_t classes, int64_t ignore_index, ScalarType dtype) {
  const Tensor counted = ne(target, ignore_index);
  const Tensor hot = to(one_hot(where(counted, target, 0), classes), dtype);
  DimVector channels_second{0, target.dim()};
  for (int64_t d = 1; d < target.dim(); ++d) channels_second.push_back(d);
  return mul(permute(hot, channels_second), unsqueeze(to(counted, dtype), 1));
}

}  // namespace

Tensor nll_loss(const Tensor& input, const Tensor& target, const Tensor& weight, Reduction reduction, int64_t ignore_index) {
  const Problem p = checked("nll_loss", input, target, weight);
  const kernels::NllLossParams params{ignore_index};
  const TensorOptions computed = input.options().dtype(p.computed);
  const Tensor losses = empty(p.target.sizes(), computed), total_weight = empty({}, computed);
  const Tensor first_invalid = empty({}, computed.dtype(kInt64));
  nll_loss_forward(input.device(), pixels(losses), padded(total_weight, 1), padded(first_invalid, 1), scores(p.input),
                   pixels(p.target), view_or_none(p.weight), params);
  check_targets("nll_loss", first_invalid, p, ignore_index);
  record("nll_loss", {p.input}, losses, {p.target, p.weight},
         [params, layout = p.input.layout(), dtype = input.dtype()](const BackwardContext& ctx) -> variable_list {
           return {nll_gradient(ctx.grad(), ctx.saved(0), ctx.saved(1), params, layout, dtype)};
         });
  return reduced("nll_loss", losses, total_weight, reduction, target.sizes(), p.result);
}

Tensor cross_entropy(const Tensor& input, const Tensor& target, const Tensor& weight, Reduction reduction, int64_t ignore_index,
                     double label_smoothing) {
  check<ValueError>(label_smoothing >= 0 && label_smoothing <= 1, "cross_entropy: label_smoothing {} does not lie in [0, 1]",
                    label_smoothing);
  if (target.is_floating_point()) return soft_cross_entropy(input, target, weight, reduction, ignore_index, label_smoothing);
  const Problem p = checked("cross_entropy", input, target, weight);
  const kernels::CrossEntropyParams params{ignore_index, label_smoothing};
  const TensorOptions computed = input.options().dtype(p.computed);
  const Tensor losses = empty(p.target.sizes(), computed), log_normalizer = empty(p.target.sizes(), computed);
  const Tensor total_weight = empty({}, computed), first_invalid = empty({}, computed.dtype(kInt64));
  cross_entropy_forward(input.device(), pixels(losses), pixels(log_normalizer), padded(total_weight, 1), padded(first_invalid, 1),
                        scores(p.input), pixels(p.target), view_or_none(p.weight), params);
  check_targets("cross_entropy", first_invalid, p, ignore_index);
  record("cross_entropy", {p.input}, losses, {p.input, log_normalizer, p.target, p.weight},
         [params](const BackwardContext& ctx) -> variable_list {
           const Tensor x = ctx.saved(0), normalizer = ctx.saved(1), t = ctx.saved(2), weight = ctx.saved(3), g = ctx.grad();
           if (GradMode::is_enabled()) return {cross_entropy_gradient(g, x, t, weight, params)};
           const Tensor grad = empty_like(x);
           cross_entropy_backward(x.device(), scores(grad), pixels(g), scores(x), pixels(normalizer), pixels(t),
                                  view_or_none(weight), params);
           return {grad};
         });
  return reduced("cross_entropy", losses, total_weight, reduction, target.sizes(), p.result);
}

Tensor focal_loss(const Tensor& input, const Tensor& target, const Tensor& weight, std::optional<double> alpha, double gamma,
                  int64_t ignore_index) {
  const Tensor negative_log_p = cross_entropy(input, target, weight, kNone, ignore_index);
  const Tensor modulation = pow(1 - exp(neg(negative_log_p)), gamma);
  return mean(mul(modulation, mul(negative_log_p, alpha.value_or(1.0))));
}

Tensor dice_loss(const Tensor& input, const Tensor& target, double beta, double smooth, int64_t ignore_index) {
  check<ShapeError>(input.dim() >= 2, "dice_loss: an input [N, C, ...] is needed, not {}", input.sizes());
  const bool indices = target.dtype() == kInt64 && target.dim() == input.dim() - 1;
  const Tensor p = softmax(input, 1),
               t = indices ? one_hot_channels(target, input.size(1), ignore_index, p.dtype()) : to(target, p.dtype());
  check<ShapeError>(input.sizes() == t.sizes(),
                    "dice_loss: the input has shape {}, the target {}. It must be one-hot of the same shape, or class indices "
                    "without dimension 1.",
                    input.sizes(), target.sizes());
  DimVector all_but_classes{0};
  for (int64_t d = 2; d < input.dim(); ++d) all_but_classes.push_back(d);
  const Tensor tp = sum(mul(t, p), all_but_classes), fp = sub(sum(p, all_but_classes), tp), fn = sub(sum(t, all_but_classes), tp);
  const Tensor hits = add(mul(tp, 1 + beta * beta), smooth);
  return 1 - mean(div(hits, add(add(hits, mul(fn, beta * beta)), fp)));
}

}  // namespace tessera
