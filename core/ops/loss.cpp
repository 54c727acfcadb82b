// Losses of regression and of probabilities, composed of ops; each reduces its element losses at the end.
#include "core/ops/loss.h"

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/ops/binary.h"
#include "core/ops/copy.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "core/ops/unary.h"
#include "core/ops/where.h"

namespace tessera {
namespace {

using autograd::BackwardContext;
using autograd::record;

Tensor reduce(const char* op, const Tensor& losses, Reduction reduction) {
  check<ValueError>(reduction != Reduction::BatchMean, "{}: kBatchMean is a reduction of kl_div alone. Use kMean.", op);
  switch (reduction) {
    case Reduction::Mean: return mean(losses);
    case Reduction::Sum: return sum(losses);
    default: return losses;
  }
}

void check_floating(const char* op, const Tensor& input, const Tensor& target) {
  check<TypeError>(input.is_floating_point() && target.is_floating_point(),
                   "{}: input and target must be floating point, they are {} and {}. Convert with to(kFloat).", op, input.dtype(),
                   target.dtype());
}

// For the losses of probabilities, where a silent broadcast is most often a mistake; PyTorch refuses it too.
void check_same_shape(const char* op, const Tensor& input, const Tensor& target) {
  check_floating(op, input, target);
  check<ShapeError>(input.sizes() == target.sizes(), "{}: the input has shape {}, the target {}. They must be equal.", op,
                    input.sizes(), target.sizes());
}

Tensor weighted(const Tensor& losses, const Tensor& weight) {
  return weight.defined() ? mul(losses, weight) : losses;
}

// log(1 + exp(-x)) without overflow.
Tensor softplus_of_negative(const Tensor& x) {
  return add(clamp_min(neg(x), 0), log1p(exp(neg(abs(x)))));
}

// log x, or 0 where p is 0: there the product p log x is 0 whatever x is.
Tensor log_where_positive(const Tensor& p, const Tensor& x) { return log(where(eq(p, 0), 1.0, x)); }

}  // namespace

Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  check_floating("mse_loss", input, target);
  return reduce("mse_loss", square(sub(autocast::widen(input), autocast::widen(target))), reduction);
}

Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  check_floating("l1_loss", input, target);
  return reduce("l1_loss", abs(sub(autocast::widen(input), autocast::widen(target))), reduction);
}

Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, Reduction reduction, double beta) {
  check<ValueError>(beta >= 0, "smooth_l1_loss: beta {} is negative", beta);
  if (beta == 0) return l1_loss(input, target, reduction);
  check_floating("smooth_l1_loss", input, target);
  // With z = |x - t| and c = min(z, beta) both branches are (c z - c^2 / 2) / beta.
  const Tensor z = abs(sub(autocast::widen(input), autocast::widen(target))), c = clamp_max(z, beta);
  return reduce("smooth_l1_loss", div(sub(mul(c, z), square(c), 0.5), beta), reduction);
}

Tensor huber_loss(const Tensor& input, const Tensor& target, Reduction reduction, double delta) {
  check<ValueError>(delta > 0, "huber_loss: delta {} is not positive", delta);
  return mul(smooth_l1_loss(input, target, reduction, delta), delta);
}

Tensor binary_cross_entropy(const Tensor& given, const Tensor& given_target, const Tensor& weight, Reduction reduction) {
  const char* const op = "binary_cross_entropy";
  const Tensor input = autocast::widen(given);
  const bool same_but_ones = squeeze(input).sizes() == squeeze(given_target).sizes();
  const Tensor target = autocast::widen(same_but_ones ? reshape(given_target, input.sizes()) : given_target);
  check_same_shape(op, input, target);
  const auto log_p = [](const Tensor& x) { return clamp_min(log(x), -100); };
  const auto log_not_p = [](const Tensor& x) { return clamp_min(log(1 - x), -100); };
  Tensor losses;
  {
    NoGradGuard no_grad;
    losses = weighted(neg(add(mul(target, log_p(input)), mul(1 - target, log_not_p(input)))), weight);
  }
  // Recorded as one op: the derivative of the clamped logs would be 0 * inf at x = 0 and x = 1.
  losses = record(op, {input, target}, losses, {input, target, weight}, [=](const BackwardContext& ctx) -> variable_list {
    const Tensor x = ctx.saved(0), t = ctx.saved(1), g = weighted(ctx.grad(), ctx.saved(2));
    return {ctx.needs_grad(0) ? mul(g, div(sub(x, t), clamp_min(mul(x, 1 - x), 1e-12))) : Tensor(),
            ctx.needs_grad(1) ? mul(g, sub(log_not_p(x), log_p(x))) : Tensor()};
  });
  return reduce(op, losses, reduction);
}

Tensor binary_cross_entropy_with_logits(const Tensor& given, const Tensor& given_target, const Tensor& weight, Reduction reduction,
                                        const Tensor& pos_weight) {
  const char* const op = "binary_cross_entropy_with_logits";
  const Tensor input = autocast::widen(given), target = autocast::widen(given_target);
  check_same_shape(op, input, target);
  // 1 + (pos_weight - 1) t: the factor of log(1 + exp(-x))
  const auto factor = [](const Tensor& t, const Tensor& positive) { return add(mul(sub(positive, 1), t), 1); };
  Tensor losses;
  {
    NoGradGuard no_grad;
    Tensor softplus = softplus_of_negative(input);
    if (pos_weight.defined()) softplus = mul(factor(target, pos_weight), softplus);
    losses = weighted(add(mul(1 - target, input), softplus), weight);
  }
  // Recorded as one op: pieces with kinks at x = 0 make up a smooth function.
  losses =
      record(op, {input, target}, losses, {input, target, weight, pos_weight}, [=](const BackwardContext& ctx) -> variable_list {
        const Tensor x = ctx.saved(0), t = ctx.saved(1), g = weighted(ctx.grad(), ctx.saved(2)), positive = ctx.saved(3);
        Tensor grad_input, grad_target;
        if (ctx.needs_grad(0)) {
          const Tensor p = sigmoid(x);
          grad_input = mul(g, positive.defined() ? sub(mul(factor(t, positive), p), mul(positive, t)) : sub(p, t));
        }
        if (ctx.needs_grad(1))
          grad_target = mul(g, positive.defined() ? sub(mul(sub(positive, 1), softplus_of_negative(x)), x) : neg(x));
        return {grad_input, grad_target};
      });
  return reduce(op, losses, reduction);
}

Tensor kl_div(const Tensor& given, const Tensor& given_target, Reduction reduction, bool log_target) {
  const Tensor input = autocast::widen(given), target = autocast::widen(given_target);
  check_floating("kl_div", input, target);
  const Tensor losses =
      log_target ? mul(exp(target), sub(target, input)) : mul(target, sub(log_where_positive(target, target), input));
  if (reduction == Reduction::BatchMean) return div(sum(losses), static_cast<double>(input.size(0)));
  return reduce("kl_div", losses, reduction);
}

Tensor entropy(const Tensor& p, int64_t dim) {
  check_floating("entropy", p, p);
  return neg(sum(mul(p, log_where_positive(p, p)), {dim}));
}

Tensor distribution_cross_entropy(const Tensor& p, const Tensor& q, int64_t dim) {
  check_floating("distribution_cross_entropy", p, q);
  return neg(sum(mul(p, log_where_positive(p, q)), {dim}));
}

Tensor kl_divergence(const Tensor& p, const Tensor& q, int64_t dim) {
  check_floating("kl_divergence", p, q);
  return sum(mul(p, sub(log_where_positive(p, p), log_where_positive(p, q))), {dim});
}

}  // namespace tessera
