#include "core/ops/pad.h"

#include "core/autograd.h"
#include "core/kernel_table.h"
#include "core/ops/creation.h"
#include "kernels/pad/pad.h"

namespace tessera {
namespace {

using autograd::BackwardContext;
using autograd::record;
using kernels::PadMode;

const Kernel<kernels::PadForward> pad_forward = TESSERA_KERNEL(pad_forward);
const Kernel<kernels::PadBackward> pad_backward = TESSERA_KERNEL(pad_backward);

PadMode parse_mode(std::string_view mode) {
  if (mode == "constant") return PadMode::Constant;
  if (mode == "reflect") return PadMode::Reflect;
  if (mode == "replicate") return PadMode::Replicate;
  throw ValueError(fmt::format("pad: mode \"{}\" is unknown. Use constant, reflect or replicate.", mode));
}

// The two are each other's gradient: padding is linear (but for the constant), and `shrink` is its transpose.
Tensor shrink(const Tensor& x, const DimVector& sizes, const DimVector& before, PadMode mode);

Tensor grow(const Tensor& x, const DimVector& sizes, const DimVector& before, PadMode mode, double value) {
  Tensor out = empty(sizes, x.options().memory_format(x.suggest_memory_format()));
  pad_forward(x.device(), out.as_view(), x.as_view(), before, mode, value);
  return record("pad", {x}, out, {}, [from = x.layout().sizes, before, mode](const BackwardContext& ctx) -> variable_list {
    return {shrink(ctx.grad(), from, before, mode)};
  });
}

Tensor shrink(const Tensor& x, const DimVector& sizes, const DimVector& before, PadMode mode) {
  Tensor out = empty(sizes, x.options().memory_format(x.suggest_memory_format()));
  pad_backward(x.device(), out.as_view(), x.as_view(), before, mode);
  return record("pad_backward", {x}, out, {},
                [from = x.layout().sizes, before, mode](const BackwardContext& ctx) -> variable_list {
                  return {grow(ctx.grad(), from, before, mode, 0)};
                });
}

}  // namespace

Tensor pad(const Tensor& x, IntArrayRef pads, std::string_view mode_name, double value) {
  const PadMode mode = parse_mode(mode_name);
  const int64_t given = static_cast<int64_t>(pads.size());
  check<ShapeError>(given % 2 == 0 && given / 2 <= x.dim(),
                    "pad: {} widths for shape {}. Give two (before, after) for each dimension, the last one first.", given,
                    x.sizes());
  DimVector sizes = x.layout().sizes, before(static_cast<size_t>(x.dim()), 0);
  for (int64_t i = 0; i < given / 2; ++i) {
    const int64_t d = x.dim() - 1 - i, front = pads[2 * i], behind = pads[2 * i + 1];
    check<ValueError>(mode == PadMode::Constant || (front >= 0 && behind >= 0), "pad: negative widths {} crop, which {} cannot",
                      pads, mode_name);
    check<ValueError>(mode != PadMode::Reflect || std::max(front, behind) < std::max<int64_t>(x.size(d), 1),
                      "pad: reflect needs widths below the size, {} and {} are given for dim {} of shape {}", front, behind, d,
                      x.sizes());
    check<ValueError>(mode != PadMode::Replicate || x.size(d) > 0 || front + behind == 0,
                      "pad: replicate has no element to repeat in dim {} of shape {}", d, x.sizes());
    before[d] = front;
    sizes[d] += front + behind;
    check<ValueError>(sizes[d] >= 0, "pad: widths {} crop more than shape {} has", pads, x.sizes());
  }
  return grow(x, sizes, before, mode, value);
}

}  // namespace tessera
