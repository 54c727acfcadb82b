#include "core/ops/copy.h"

#include "core/autograd.h"
#include "core/kernel_table.h"
#include "core/ops/creation.h"
#include "kernels/elementwise/elementwise.h"

namespace tessera {
namespace {

const Kernel<kernels::Copy> copy_kernel{"copy", &kernels::reference::copy, &kernels::cpu::copy, TESSERA_CUDA_KERNEL(copy)};
const Kernel<kernels::Fill> fill_kernel{"fill", &kernels::reference::fill, &kernels::cpu::fill, TESSERA_CUDA_KERNEL(fill)};

Tensor copy_into(const char* name, const Tensor& x, Layout layout, ScalarType dtype, Device device) {
  Tensor out = make_tensor(std::move(layout), dtype, device);
  copy_kernel(x.device(), out.as_view(), x.as_view());
  return autograd::record(name, {x}, out, {}, [](const auto& ctx) -> variable_list { return {ctx.grad()}; });
}

Layout layout_for(const Tensor& x, MemoryFormat format) {
  return format == MemoryFormat::Preserve ? x.layout().fresh_like() : Layout::of(x.sizes(), format);
}

}  // namespace

Tensor clone(const Tensor& x, MemoryFormat format) {
  return copy_into("clone", x, layout_for(x, format), x.dtype(), x.device());
}

Tensor contiguous(const Tensor& x, MemoryFormat format) {
  if (format == MemoryFormat::Preserve || x.is_contiguous(format)) return x;
  return copy_into("contiguous", x, layout_for(x, format), x.dtype(), x.device());
}

Tensor to(const Tensor& x, ScalarType dtype, bool copy) {
  if (x.dtype() == dtype && !copy) return x;
  return copy_into("to", x, x.layout().fresh_like(), dtype, x.device());
}

Tensor to(const Tensor& x, Device device, bool copy) {
  if (x.device() == device && !copy) return x;
  return copy_into("to", x, x.layout().fresh_like(), x.dtype(), device);
}

const Tensor& copy_(const Tensor& target, const Tensor& source) {
  autograd::check_inplace("copy_", target, {source});
  // Another view of the memory that is written must not change while it is read.
  const bool overlaps = source.storage() == target.storage() && !source.is_same(target);
  const Tensor from = overlaps ? source.detach().clone() : source;
  const Tensor same = make_view(from, expand_layout("copy_", from.layout(), target.sizes()));
  copy_kernel(target.device(), target.as_view(), same.as_view());
  return autograd::record_inplace("copy_", target, {target, source}, {}, [](const auto& ctx) -> variable_list {
    return {ctx.needs_grad(0) ? zeros_like(ctx.grad()) : Tensor(), ctx.grad()};
  });
}

void fill(const Tensor& target, const Scalar& value) {
  fill_kernel(
      target.device(), target.as_view(),
      value.is_floating_point() ? kernels::FillValue::of(value.to_double()) : kernels::FillValue::of(value.to<int64_t>()));
}

const Tensor& fill_(const Tensor& target, const Scalar& value) {
  autograd::check_inplace("fill_", target);
  fill(target, value);
  return autograd::record_inplace("fill_", target, {target}, {},
                                  [](const auto& ctx) -> variable_list { return {zeros_like(ctx.grad())}; });
}

// --- Tensor's methods ---

Tensor Tensor::clone(MemoryFormat format) const { return tessera::clone(*this, format); }
Tensor Tensor::contiguous(MemoryFormat format) const { return tessera::contiguous(*this, format); }
Tensor Tensor::to(ScalarType dtype, bool copy) const { return tessera::to(*this, dtype, copy); }
Tensor Tensor::to(Device device, bool copy) const { return tessera::to(*this, device, copy); }
Tensor Tensor::to(const TensorOptions& options, bool copy) const {
  Tensor x = *this;
  if (options.has_dtype()) x = x.to(options.dtype());
  if (options.has_device()) x = x.to(options.device());
  if (options.memory_format_opt()) x = x.contiguous(*options.memory_format_opt());
  return copy && x.is_same(*this) ? x.clone() : x;
}
const Tensor& Tensor::copy_(const Tensor& source) const { return tessera::copy_(*this, source); }
const Tensor& Tensor::fill_(const Scalar& value) const { return tessera::fill_(*this, value); }

}  // namespace tessera
