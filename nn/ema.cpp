#include "nn/ema.h"

#include <algorithm>

#include "core/cuda_graph.h"
#include "core/grad_mode.h"
#include "core/ops.h"

namespace tessera::nn {
namespace {
constexpr const char* kUpdates = "ema.updates";
}

EMA::EMA(const Module& module, double decay, bool warm_up) : decay_(decay), warm_up_(warm_up) {
  check<ValueError>(decay >= 0 && decay <= 1, "EMA: the decay {} does not lie in [0, 1]", decay);
  const auto add = [&](const OrderedDict<std::string, Tensor>& tensors, bool is_buffer) {
    for (const auto& item : tensors) entries_.push_back({item.key(), item.value(), item->detach().clone(), is_buffer});
  };
  add(module.named_parameters(), false);
  add(module.named_buffers(), true);
}

void EMA::update() {
  check<ValueError>(!swapped_, "EMA: update() while the averages are swapped in. Call swap() first.");
  cuda::require_no_capture("EMA::update");  // its decay is the host's, and changes
  const NoGradGuard no_grad;
  ++updates_;
  const double t = static_cast<double>(updates_), decay = warm_up_ ? std::min(decay_, (1 + t) / (10 + t)) : decay_;
  for (Entry& entry : entries_) {
    const Tensor value = entry.value.detach();
    entry.average = entry.average.to(value.options());  // follows a module that was converted or moved since
    if (entry.is_buffer)
      entry.average.copy_(value);
    else
      entry.average.mul_(decay).add_(value, 1 - decay);
  }
}

void EMA::swap() {
  cuda::require_no_capture("EMA::swap");  // the averages would move into the graph's memory
  const NoGradGuard no_grad;
  for (Entry& entry : entries_) {
    const Tensor value = entry.value.detach(), kept = value.clone();
    value.copy_(entry.average);
    entry.average = kept;
  }
  swapped_ = !swapped_;
}

NamedTensors EMA::state() const {
  NamedTensors result;
  for (const Entry& entry : entries_) result.emplace_back(entry.name, (swapped_ ? entry.value : entry.average).detach().clone());
  result.emplace_back(kUpdates, full({}, updates_, kInt64));
  return result;
}

void EMA::load_state(const NamedTensors& state) {
  check<ValueError>(!swapped_, "EMA: load_state() while the averages are swapped in. Call swap() first.");
  const auto find = [&](const std::string& name, IntArrayRef sizes) {
    const auto it = std::find_if(state.begin(), state.end(), [&](const auto& item) { return item.first == name; });
    check<ValueError>(it != state.end() && it->second.sizes() == sizes, "EMA: the state has no \"{}\" of shape {}", name, sizes);
    return it->second;
  };
  check<ValueError>(state.size() == entries_.size() + 1, "EMA: a state of {} tensors where {} are needed", state.size(),
                    entries_.size() + 1);
  TensorList averages;
  for (const Entry& entry : entries_)
    averages.push_back(find(entry.name, entry.value.sizes()).to(entry.value.options(), /*copy=*/true));
  updates_ = find(kUpdates, {}).item<int64_t>();
  for (size_t i = 0; i < entries_.size(); ++i) entries_[i].average = averages[i].detach();
}

}  // namespace tessera::nn
