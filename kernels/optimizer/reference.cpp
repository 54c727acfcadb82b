// Optimizer steps, element by element, through strides.
#include <array>
#include <tuple>

#include "kernels/optimizer/steps.h"

namespace tessera::kernels::reference {
namespace {

int64_t offset_of(const View& view, int64_t i) {
  int64_t offset = 0;
  for (int d = view.ndim - 1; d >= 0; --d) {
    offset += i % view.sizes[d] * view.strides[d];
    i /= view.sizes[d];
  }
  return offset;
}

// Calls step(parameter, state..., gradient) for each element, of kViews views of one shape; the first and the states are written.
// A state without data is a number of its own, which is dropped.
template <template <class> class Step, class Params, size_t kViews>
void for_each_element(const Params& params, const std::array<View, kViews>& views) {
  dispatch_floating(views[0].dtype, [&]<class S>() {
    using T = compute_t<S>;
    const Step<T> step(params);
    for (int64_t i = 0; i < views[0].numel(); ++i) {
      std::array<T, kViews> values{};
      for (size_t k = 0; k < kViews; ++k)
        if (views[k].data != nullptr) values[k] = views[k].template as<S>()[offset_of(views[k], i)];
      std::apply([&](auto&... v) { step(v...); }, values);
      for (size_t k = 0; k + 1 < kViews; ++k)
        if (views[k].data != nullptr) views[k].template as<S>()[offset_of(views[k], i)] = static_cast<S>(values[k]);
    }
  });
}

}  // namespace

void sgd_step(std::span<const SgdTensors> all, const SgdParams& params, const StepControl& control) {
  if (control.skip != nullptr && *control.skip) return;
  for (const auto& [p, m, g] : all)
    for_each_element<SgdElement>(params, std::array{p, params.momentum != 0 ? m : View{}, g});
}

void rmsprop_step(std::span<const RmspropTensors> all, const RmspropParams& params, const StepControl& control) {
  if (control.skip != nullptr && *control.skip) return;
  for (const auto& [p, s, a, m, g] : all)
    for_each_element<RmspropElement>(params,
                                     std::array{p, s, params.centered ? a : View{}, params.momentum != 0 ? m : View{}, g});
}

void adam_step(std::span<const AdamTensors> all, const AdamParams& params, const StepControl& control) {
  if (control.skip != nullptr && *control.skip) return;
  for (const auto& [p, m, v, w, g] : all)
    for_each_element<AdamElement>(params, std::array{p, m, v, params.amsgrad ? w : View{}, g});
}

void adagrad_step(std::span<const AdagradTensors> all, const AdagradParams& params, const StepControl& control) {
  if (control.skip != nullptr && *control.skip) return;
  for (const auto& [p, s, g] : all) for_each_element<AdagradElement>(params, std::array{p, s, g});
}

}  // namespace tessera::kernels::reference
