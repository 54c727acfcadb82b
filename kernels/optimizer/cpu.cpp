// Optimizer steps on the CPU, in one pass over the parameter.
//
// Parallel mapping: a thread takes a contiguous range of elements, a SIMD lane is an element; what is left of a range goes
// through the same code with one lane, so that a result does not depend on the thread count. Memory traffic: parameter, gradient
// and state are read once, parameter and state written once.
#include <cmath>

#include "kernels/optimizer/optimizer.h"
#include "kernels/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/optimizer/cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Calls update(tag, i) for the vectors that begin at element i.
template <class T, class Update> void for_each_vector(int64_t count, const Update& update) {
  parallel_for(count, 1 << 14, [&](int64_t begin, int64_t end) HWY_ATTR {
    const hn::ScalableTag<T> whole;
    const hn::CappedTag<T, 1> one;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(whole));
    int64_t i = begin;
    for (; i + lanes <= end; i += lanes) update(whole, i);
    for (; i < end; ++i) update(one, i);
  });
}

template <class T> void sgd(const View& p, const View& m, const View& g, const SgdParams& params) {
  T *const param = p.as<T>(), *const momentum = params.momentum != 0 ? m.as<T>() : nullptr;
  const T* const grad = g.as<T>();
  for_each_vector<T>(p.numel(), [&](auto d, int64_t i) HWY_ATTR {
    const auto set = [d](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
    const auto old = hn::LoadU(d, param + i);
    auto update = hn::MulAdd(set(params.weight_decay), old, hn::LoadU(d, grad + i));
    if (momentum != nullptr) {
      auto buffer = update;
      if (!params.first_step)
        buffer = hn::MulAdd(set(params.momentum), hn::LoadU(d, momentum + i), hn::Mul(set(1 - params.dampening), update));
      hn::StoreU(buffer, d, momentum + i);
      update = params.nesterov ? hn::MulAdd(set(params.momentum), buffer, update) : buffer;
    }
    hn::StoreU(hn::NegMulAdd(set(params.lr), update, old), d, param + i);
  });
}

template <class T>
void rmsprop(const View& p, const View& s, const View& a, const View& m, const View& g, const RmspropParams& params) {
  T *const param = p.as<T>(), *const square = s.as<T>(), *const mean = params.centered ? a.as<T>() : nullptr,
           *const momentum = params.momentum != 0 ? m.as<T>() : nullptr;
  const T* const grad = g.as<T>();
  for_each_vector<T>(p.numel(), [&](auto d, int64_t i) HWY_ATTR {
    const auto set = [d](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
    const auto alpha = set(params.alpha), fresh = set(1 - params.alpha);
    const auto old = hn::LoadU(d, param + i);
    const auto slope = hn::MulAdd(set(params.weight_decay), old, hn::LoadU(d, grad + i));
    auto variance = hn::MulAdd(alpha, hn::LoadU(d, square + i), hn::Mul(hn::Mul(fresh, slope), slope));
    hn::StoreU(variance, d, square + i);
    if (mean != nullptr) {
      const auto average = hn::MulAdd(alpha, hn::LoadU(d, mean + i), hn::Mul(fresh, slope));
      hn::StoreU(average, d, mean + i);
      variance = hn::NegMulAdd(average, average, variance);
    }
    auto update = hn::Div(slope, hn::Add(hn::Sqrt(variance), set(params.eps)));
    if (momentum != nullptr) {
      update = hn::MulAdd(set(params.momentum), hn::LoadU(d, momentum + i), update);
      hn::StoreU(update, d, momentum + i);
    }
    hn::StoreU(hn::NegMulAdd(set(params.lr), update, old), d, param + i);
  });
}

template <class T>
void adam(const View& p, const View& m, const View& v, const View& w, const View& g, const AdamParams& params) {
  T *const param = p.as<T>(), *const mean = m.as<T>(), *const square = v.as<T>(),
           *const largest = params.amsgrad ? w.as<T>() : nullptr;
  const T* const grad = g.as<T>();
  const double step_size = params.lr / (1 - std::pow(params.beta1, params.step));
  const double root_correction = std::sqrt(1 - std::pow(params.beta2, params.step));
  const double keep = params.decoupled ? 1 - params.lr * params.weight_decay : 1,
               decay = params.decoupled ? 0 : params.weight_decay;
  for_each_vector<T>(p.numel(), [&](auto d, int64_t i) HWY_ATTR {
    const auto set = [d](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
    const auto old = hn::Mul(set(keep), hn::LoadU(d, param + i));
    const auto slope = hn::MulAdd(set(decay), old, hn::LoadU(d, grad + i));
    const auto average = hn::MulAdd(set(params.beta1), hn::LoadU(d, mean + i), hn::Mul(set(1 - params.beta1), slope));
    auto variance =
        hn::MulAdd(set(params.beta2), hn::LoadU(d, square + i), hn::Mul(hn::Mul(set(1 - params.beta2), slope), slope));
    hn::StoreU(average, d, mean + i);
    hn::StoreU(variance, d, square + i);
    if (largest != nullptr) {
      const auto before = hn::LoadU(d, largest + i);
      variance = hn::IfThenElse(hn::Gt(before, variance), before, variance);  // a NaN in the variance stays
      hn::StoreU(variance, d, largest + i);
    }
    const auto divisor = hn::Add(hn::Div(hn::Sqrt(variance), set(root_correction)), set(params.eps));
    hn::StoreU(hn::NegMulAdd(set(step_size), hn::Div(average, divisor), old), d, param + i);
  });
}

template <class T> void adagrad(const View& p, const View& s, const View& g, const AdagradParams& params) {
  T *const param = p.as<T>(), *const sum = s.as<T>();
  const T* const grad = g.as<T>();
  const double lr = params.lr / (1 + static_cast<double>(params.step - 1) * params.lr_decay);
  for_each_vector<T>(p.numel(), [&](auto d, int64_t i) HWY_ATTR {
    const auto set = [d](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
    const auto old = hn::LoadU(d, param + i);
    const auto slope = hn::MulAdd(set(params.weight_decay), old, hn::LoadU(d, grad + i));
    const auto total = hn::MulAdd(slope, slope, hn::LoadU(d, sum + i));
    hn::StoreU(total, d, sum + i);
    hn::StoreU(hn::NegMulAdd(set(lr), hn::Div(slope, hn::Add(hn::Sqrt(total), set(params.eps))), old), d, param + i);
  });
}

void sgd_update(const View& p, const View& m, const View& g, const SgdParams& params) {
  p.dtype == kFloat64 ? sgd<double>(p, m, g, params) : sgd<float>(p, m, g, params);
}
void rmsprop_update(const View& p, const View& s, const View& a, const View& m, const View& g, const RmspropParams& params) {
  p.dtype == kFloat64 ? rmsprop<double>(p, s, a, m, g, params) : rmsprop<float>(p, s, a, m, g, params);
}
void adam_update(const View& p, const View& m, const View& v, const View& w, const View& g, const AdamParams& params) {
  p.dtype == kFloat64 ? adam<double>(p, m, v, w, g, params) : adam<float>(p, m, v, w, g, params);
}
void adagrad_update(const View& p, const View& s, const View& g, const AdagradParams& params) {
  p.dtype == kFloat64 ? adagrad<double>(p, s, g, params) : adagrad<float>(p, s, g, params);
}

}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {
HWY_EXPORT(sgd_update);
HWY_EXPORT(rmsprop_update);
HWY_EXPORT(adam_update);
HWY_EXPORT(adagrad_update);
}  // namespace tessera::kernels

namespace tessera::kernels::cpu {
namespace {

// One run of memory that holds all elements in the same order in all views (those without data are not used), in a type that the
// vectors know.
bool is_flat(const View& p, std::initializer_list<View> others) {
  if (p.dtype != kFloat32 && p.dtype != kFloat64) return false;
  int64_t reach = 1;
  for (int d = 0; d < p.ndim; ++d) {
    if (p.sizes[d] == 0) return true;
    if (p.sizes[d] > 1 && p.strides[d] == 0) return false;
    reach += (p.sizes[d] - 1) * p.strides[d];
  }
  if (reach != p.numel()) return false;
  for (const View& v : others) {
    if (v.data == nullptr) continue;
    for (int d = 0; d < p.ndim; ++d)
      if (p.sizes[d] > 1 && v.strides[d] != p.strides[d]) return false;
  }
  return true;
}

bool is_flat(const SgdTensors& t) { return is_flat(t.p, {t.m, t.g}); }
bool is_flat(const RmspropTensors& t) { return is_flat(t.p, {t.s, t.a, t.m, t.g}); }
bool is_flat(const AdamTensors& t) { return is_flat(t.p, {t.m, t.v, t.w, t.g}); }
bool is_flat(const AdagradTensors& t) { return is_flat(t.p, {t.s, t.g}); }

// fast(tensors) for each parameter whose views are flat alike, slow(span of it alone) for the others.
template <class Tensors, class Fast, class Slow>
void for_each_parameter(std::span<const Tensors> all, const StepControl& control, const Fast& fast, const Slow& slow) {
  if (control.skip != nullptr && *control.skip) return;
  for (const Tensors& one : all) {
    if (is_flat(one))
      fast(one);
    else
      slow(std::span(&one, 1));
  }
}

}  // namespace

void sgd_step(std::span<const SgdTensors> all, const SgdParams& params, const StepControl& control) {
  for_each_parameter(
      all, control, [&](const SgdTensors& t) { HWY_DYNAMIC_DISPATCH(sgd_update)(t.p, t.m, t.g, params); },
      [&](auto one) { reference::sgd_step(one, params, {}); });
}

void rmsprop_step(std::span<const RmspropTensors> all, const RmspropParams& params, const StepControl& control) {
  for_each_parameter(
      all, control,
      [&](const RmspropTensors& t) { HWY_DYNAMIC_DISPATCH(rmsprop_update)(t.p, t.s, t.a, t.m, t.g, params); },
      [&](auto one) { reference::rmsprop_step(one, params, {}); });
}

void adam_step(std::span<const AdamTensors> all, const AdamParams& params, const StepControl& control) {
  for_each_parameter(
      all, control, [&](const AdamTensors& t) { HWY_DYNAMIC_DISPATCH(adam_update)(t.p, t.m, t.v, t.w, t.g, params); },
      [&](auto one) { reference::adam_step(one, params, {}); });
}

void adagrad_step(std::span<const AdagradTensors> all, const AdagradParams& params, const StepControl& control) {
  for_each_parameter(
      all, control, [&](const AdagradTensors& t) { HWY_DYNAMIC_DISPATCH(adagrad_update)(t.p, t.s, t.g, params); },
      [&](auto one) { reference::adagrad_step(one, params, {}); });
}

}  // namespace tessera::kernels::cpu
#endif  // HWY_ONCE
