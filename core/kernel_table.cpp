#include "core/kernel_table.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

namespace tessera {
namespace {

using detail::Implementation;

// All kernels, so that an override that names none is refused. A test compares the list with the sources.
constexpr std::string_view kKernels[] = {"adagrad_step",
                                         "adam_step",
                                         "adaptive_avg_pool2d_backward",
                                         "adaptive_avg_pool2d_forward",
                                         "arg_reduce",
                                         "avg_pool2d_backward",
                                         "avg_pool2d_forward",
                                         "batch_norm_add_relu_forward",
                                         "batch_norm_add_relu_reduce",
                                         "batch_norm_backward",
                                         "batch_norm_backward_reduce",
                                         "batch_norm_forward",
                                         "batch_norm_training",
                                         "batch_norm_training_backward",
                                         "batch_norm_training_statistics",
                                         "batch_norm_update",
                                         "bilinear2d_backward",
                                         "bilinear2d_forward",
                                         "binary",
                                         "bincount",
                                         "confusion_matrix",
                                         "conv2d_forward",
                                         "conv2d_input_grad",
                                         "conv2d_weight_grad",
                                         "copy",
                                         "cross_entropy_backward",
                                         "cross_entropy_forward",
                                         "cumsum",
                                         "fill",
                                         "gather",
                                         "index_add_acc",
                                         "index_copy",
                                         "index_select",
                                         "log_softmax_backward",
                                         "log_softmax_forward",
                                         "matmul",
                                         "max_pool2d_backward",
                                         "max_pool2d_forward",
                                         "max_pool2d_values",
                                         "nearest2d_backward",
                                         "nearest2d_forward",
                                         "nll_loss_backward",
                                         "nll_loss_forward",
                                         "one_hot",
                                         "pad_backward",
                                         "pad_forward",
                                         "random_bernoulli",
                                         "random_integers",
                                         "random_normal",
                                         "random_uniform",
                                         "reduce",
                                         "rmsprop_step",
                                         "row_norm_backward",
                                         "row_norm_forward",
                                         "scatter_add_acc",
                                         "sgd_step",
                                         "softmax_backward",
                                         "softmax_forward",
                                         "unary",
                                         "variance",
                                         "where"};

struct Override {
  std::string kernel;  // "" stands for all
  Implementation implementation;
};
using Overrides = std::vector<Override>;

bool stands_for(std::string_view key, std::string_view kernel) {
  return key.empty() || key == kernel || (kernel.size() > key.size() && kernel.starts_with(key) && kernel[key.size()] == '_');
}

Implementation parse_implementation(const std::string& name) {
  if (name == "best") return Implementation::Best;
  if (name == "reference") return Implementation::Reference;
  if (name == "cpu") return Implementation::Cpu;
  if (name == "cuda") return Implementation::Cuda;
  if (name == "cudnn") return Implementation::Cudnn;
  throw ValueError(fmt::format("kernel implementation \"{}\" is unknown. Use best, reference, cpu, cuda or cudnn.", name));
}

Overrides parse(const std::string& text) {
  Overrides result;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string entry = text.substr(begin, end - begin);
    const size_t equals = entry.find('=');
    const std::string kernel = equals == std::string::npos ? "" : entry.substr(0, equals);
    check<ValueError>(
        std::any_of(std::begin(kKernels), std::end(kKernels), [&](auto name) { return stands_for(kernel, name); }),
        "kernel \"{}\" is unknown. Kernels are named as in core/ops, as conv2d_forward, or by the first words: conv2d.", kernel);
    Implementation implementation = parse_implementation(equals == std::string::npos ? entry : entry.substr(equals + 1));
    if (kernel.empty() && implementation == Implementation::Cudnn) implementation = Implementation::CudnnWherePresent;
    result.push_back({kernel, implementation});
    begin = end + 1;
  }
  return result;
}

// The overrides and, beside them, whether there are any: each kernel call asks that first.
struct Table {
  std::atomic<bool> any{false};
  std::atomic<std::shared_ptr<const Overrides>> overrides;

  Table() {
    const char* text = std::getenv("TESSERA_KERNELS");
    set(text == nullptr ? "" : text);
  }
  void set(const std::string& text) {
    auto parsed = std::make_shared<const Overrides>(parse(text));
    const bool some = !parsed->empty();
    overrides.store(std::move(parsed));
    any.store(some, std::memory_order_release);
  }
};

Table& table() {
  static Table instance;
  return instance;
}

}  // namespace

void set_kernels(const std::string& overrides) { table().set(overrides); }

std::vector<std::string> kernel_names() { return {std::begin(kKernels), std::end(kKernels)}; }

detail::Implementation detail::kernel_override(const char* kernel) {
  const Table& current = table();
  if (!current.any.load(std::memory_order_acquire)) return Implementation::Best;
  Implementation chosen = Implementation::Best;
  for (const Override& entry : *current.overrides.load())
    if (stands_for(entry.kernel, kernel)) chosen = entry.implementation;  // the last one wins
  return chosen;
}

void detail::no_kernel(const char* kernel, const char* what) {
  throw DeviceError(
      fmt::format("{}: there is no {} kernel here. Use another device, or take the override away (set_kernels).", kernel, what));
}

}  // namespace tessera
