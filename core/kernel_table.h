// The kernel table: beside its op stands one typed constant that names a kernel's implementations.
//
//     const Kernel<kernels::SoftmaxForward> softmax_forward = TESSERA_KERNEL(softmax_forward);
//     softmax_forward(x.device(), out.as_view(), x.as_view(), dim);
//
// The fastest implementation for the device runs, unless an override names another, for lessons and for benchmarks:
//     TESSERA_KERNELS=conv2d=reference,softmax=reference   or   set_kernels("conv2d=reference")   or   set_kernels("reference")
// A key stands for the kernel of that name and for all whose name begins with it and an underscore; the last entry that fits
// counts. best: what runs without an override. reference: plain loops, on the CPU. cpu: the fast CPU kernel; DeviceError where there
// is none. cudnn: cuDNN's on a CUDA device; DeviceError where there is none, except that the bare word, which stands for all kernels,
// leaves those alone that cuDNN does not have. A CPU implementation asked for a CUDA tensor, or the reverse, does not change what runs:
// an override picks among the implementations for the tensor's device.
// A CUDA kernel that is missing fails when a CUDA build is linked, and with one clear line at run time in a CPU build.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/device.h"
#include "core/kernel_profile.h"
#include "kernels/cuda/runtime.h"

namespace tessera {

// Replaces the overrides; "" takes them away. Throws ValueError for a kernel or an implementation that does not exist.
void set_kernels(const std::string& overrides);
// The names that kernels have, sorted.
std::vector<std::string> kernel_names();

namespace detail {
enum class Implementation : uint8_t { Best, Reference, Cpu, Cuda, Cudnn, CudnnWherePresent };
Implementation kernel_override(const char* kernel);
[[noreturn]] void no_kernel(const char* kernel, const char* what);
}  // namespace detail

template <class Signature> class Kernel;

template <class... Args> class Kernel<void(Args...)> {
 public:
  using Function = void(Args...);

  // constexpr: the table is in the binary, there is no registration at start-up.
  constexpr Kernel(const char* name, Function* reference, Function* cpu, Function* cuda, Function* cudnn = nullptr)
      : name_(name), reference_(reference), cpu_(cpu), cuda_(cuda), cudnn_(cudnn) {}

  template <class... Given> void operator()(const Device& device, Given&&... args) const {
    const detail::ProfiledCall profiled(name_, device, args...);
    if (device.is_cpu()) return on_cpu()(std::forward<Given>(args)...);
    const kernels::cuda::KernelCall call(device.index(), name_);
    on_cuda()(std::forward<Given>(args)...);
  }

  // Whether an override has cuDNN compute this on the device, for a kernel that only cuDNN has: it stands for several of Tessera's.
  bool chosen(const Device& device) const { return device.is_cuda() && wants_cudnn(); }

 private:
  bool wants_cudnn() const {
    if (cudnn_ == nullptr) return false;
    const detail::Implementation wanted = detail::kernel_override(name_);
    return wanted == detail::Implementation::Cudnn || wanted == detail::Implementation::CudnnWherePresent;
  }
  Function* on_cpu() const {
    const detail::Implementation wanted = detail::kernel_override(name_);
    if (wanted == detail::Implementation::Cpu && cpu_ == nullptr) detail::no_kernel(name_, "fast CPU");
    return wanted == detail::Implementation::Reference || cpu_ == nullptr ? reference_ : cpu_;
  }
  Function* on_cuda() const {
    if (cudnn_ == nullptr && detail::kernel_override(name_) == detail::Implementation::Cudnn) detail::no_kernel(name_, "cuDNN");
    Function* const chosen = wants_cudnn() ? cudnn_ : cuda_;
    if (chosen == nullptr) detail::no_kernel(name_, "CUDA");
    return chosen;
  }

  const char* name_;
  Function* reference_;
  Function* cpu_;
  Function* cuda_;
  Function* cudnn_;
};

#if TESSERA_CUDA
#define TESSERA_CUDA_KERNEL(name) &kernels::cuda::name
#else
#define TESSERA_CUDA_KERNEL(name) nullptr
#endif
#if TESSERA_CUDNN
#define TESSERA_CUDNN_KERNEL(name) &kernels::cudnn::name
#else
#define TESSERA_CUDNN_KERNEL(name) nullptr
#endif
// The table of a kernel whose implementations have one name in all backends.
#define TESSERA_KERNEL(name) \
  { #name, &kernels::reference::name, &kernels::cpu::name, TESSERA_CUDA_KERNEL(name) }
// The same for a kernel that cuDNN has, too.
#define TESSERA_KERNEL_AND_CUDNN(name) \
  { #name, &kernels::reference::name, &kernels::cpu::name, TESSERA_CUDA_KERNEL(name), TESSERA_CUDNN_KERNEL(name) }
// The same for a kernel that cuDNN alone has. Its op asks whether it is chosen, and otherwise calls Tessera's.
#define TESSERA_CUDNN_ONLY_KERNEL(name) \
  { #name, nullptr, nullptr, nullptr, TESSERA_CUDNN_KERNEL(name) }
// The same for a kernel that has no faster form than its reference on the CPU.
#define TESSERA_REFERENCE_KERNEL(name) \
  { #name, &kernels::reference::name, nullptr, TESSERA_CUDA_KERNEL(name) }

}  // namespace tessera
