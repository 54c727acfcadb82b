#include "core/ops/copy.h"

#include "core/autograd.h"
#include "core/invalid_target.h"
#include "core/kernel_table.h"
#include "core/ops/creation.h"
#include "kernels/cuda/graph.h"
#include "kernels/cuda/memory.h"
#include "kernels/elementwise/elementwise.h"

namespace tessera {
namespace {

const Kernel<kernels::Copy> copy_kernel{"copy", &kernels::reference::copy, &kernels::cpu::copy, TESSERA_CUDA_KERNEL(copy)};
const Kernel<kernels::Fill> fill_kernel{"fill", &kernels::reference::fill, &kernels::cpu::fill, TESSERA_CUDA_KERNEL(fill)};

bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.layout().is_dense() && a.strides() == b.strides();
}

// The bytes of `in` to `out`, two tensors for which same_bytes() holds, of which one at least lies on a CUDA device.
void move_bytes(const char* op, const Tensor& out, const Tensor& in, bool non_blocking) {
  using namespace kernels::cuda;
  require_no_capture(op);
  const DeviceGuard guard((in.device().is_cuda() ? in : out).device().index());
  const bool two_devices = in.device().is_cuda() && out.device().is_cuda();
  if (two_devices) {  // the memory belongs to a stream of the other device, where earlier work may still use it
    const DeviceGuard other(out.device().index());
    synchronize_device();
  }
  copy_bytes(out.data_ptr(), in.data_ptr(), in.nbytes());
  if (two_devices || !non_blocking) synchronize_stream(current_stream());
  if (out.device().is_cpu() && !non_blocking) check_reported_targets();
}

// out = in, on any two devices, for the op of that name. Only bytes cross: each side converts and reorders its own.
void copy_values(const char* op, const Tensor& out, const Tensor& in, bool non_blocking) {
  if (out.device() == in.device()) return copy_kernel(out.device(), out.as_view(), in.as_view());
  if (same_bytes(out, in)) return move_bytes(op, out, in, non_blocking);
  Tensor dense = in;
  if (!in.layout().is_dense()) {
    dense = make_tensor(in.layout().fresh_like(), in.dtype(), in.device());
    copy_kernel(in.device(), dense.as_view(), in.as_view());
  }
  const Tensor landed = make_tensor(dense.layout().fresh_like(), in.dtype(), out.device());
  move_bytes(op, landed, dense, false);
  copy_kernel(out.device(), out.as_view(), landed.as_view());
}

Tensor copy_into(const char* name, const Tensor& x, Layout layout, ScalarType dtype, Device device, bool non_blocking = false) {
  Tensor out = make_tensor(std::move(layout), dtype, device);
  copy_values(name, out, x, non_blocking);
  return autograd::record(name, {x}, out, {},
                          [from = x.device()](const auto& ctx) -> variable_list { return {ctx.grad().to(from)}; });
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

Tensor to(const Tensor& x, Device device, bool non_blocking, bool copy) {
  if (x.device() == device.resolved() && !copy) return x;
  return copy_into("to", x, x.layout().fresh_like(), x.dtype(), device, non_blocking);
}

Tensor pin_memory(const Tensor& x) {
  check<DeviceError>(x.device().is_cpu(), "pin_memory: the tensor lies on {}; only memory of the cpu is pinned", x.device());
  if (x.is_pinned()) return x;
  Layout layout = x.layout().fresh_like();
  auto storage = std::make_shared<Storage>(kernels::cuda::allocate_pinned(x.nbytes()), x.nbytes(), Device(kCPU),
                                           kernels::cuda::deallocate_pinned);
  Tensor out(
      std::make_shared<TensorImpl>(TensorImpl{.storage = std::move(storage), .layout = std::move(layout), .dtype = x.dtype()}));
  copy_values("pin_memory", out, x.detach(), false);
  return out;
}

const Tensor& copy_(const Tensor& target, const Tensor& source, bool non_blocking) {
  autograd::check_inplace("copy_", target, {source});
  // Another view of the memory that is written must not change while it is read.
  const bool overlaps = source.storage() == target.storage() && !source.is_same(target);
  const Tensor from = overlaps ? source.detach().clone() : source;
  const Tensor same = make_view(from, expand_layout("copy_", from.layout(), target.sizes()));
  copy_values("copy_", target, same, non_blocking);
  return autograd::record_inplace("copy_", target, {target, source}, {}, [from = source.device()](const auto& ctx) -> variable_list {
    return {ctx.needs_grad(0) ? zeros_like(ctx.grad()) : Tensor(), ctx.grad().to(from)};
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
Tensor Tensor::to(Device device, bool non_blocking, bool copy) const { return tessera::to(*this, device, non_blocking, copy); }
Tensor Tensor::to(Device device, ScalarType dtype, bool non_blocking, bool copy) const {
  const Tensor there = to(device, non_blocking, copy);
  return there.to(dtype, copy && there.is_same(*this));
}
Tensor Tensor::pin_memory() const { return tessera::pin_memory(*this); }
bool Tensor::is_pinned() const { return device().is_cpu() && kernels::cuda::is_pinned(storage()->data()); }
Tensor Tensor::to(const TensorOptions& options, bool copy) const {
  check<ValueError>(!options.requires_grad(), "to: the options ask for requires_grad. Call requires_grad_() on the result.");
  Tensor x = *this;
  if (options.has_dtype()) x = x.to(options.dtype());
  if (options.has_device()) x = x.to(options.device());
  if (options.memory_format_opt()) x = x.contiguous(*options.memory_format_opt());
  return copy && x.is_same(*this) ? x.clone() : x;
}
const Tensor& Tensor::copy_(const Tensor& source, bool non_blocking) const {
  return tessera::copy_(*this, source, non_blocking);
}
const Tensor& Tensor::fill_(const Scalar& value) const { return tessera::fill_(*this, value); }

}  // namespace tessera
