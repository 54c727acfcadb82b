#include "core/autocast.h"

#include <array>
#include <unordered_map>

#include "core/grad_mode.h"
#include "core/ops/copy.h"

namespace tessera {
namespace {

// A leaf and its copy of lower precision. The leaf is held, so that its address stays its own.
struct Converted {
  Tensor leaf, copy;
  std::shared_ptr<Storage> storage;
  uint64_t version;
};

struct State {
  std::array<bool, 2> enabled{};
  std::array<ScalarType, 2> dtype{kBFloat16, kBFloat16};
  bool cache_enabled = true;
  int nesting = 0;
  std::unordered_map<const TensorImpl*, Converted> cache;
};

State& state() {
  thread_local State instance;
  return instance;
}

size_t index_of(DeviceType type) { return static_cast<size_t>(type); }

bool is_half(ScalarType type) { return type == kBFloat16 || type == kFloat16; }

bool is_current(const Converted& entry, ScalarType dtype) {
  const bool recorded = entry.copy.requires_grad() || !GradMode::is_enabled();  // one made under NoGradGuard has no history
  return recorded && entry.copy.dtype() == dtype && entry.storage == entry.leaf.storage() &&
         entry.version == entry.leaf.storage()->version();
}

Tensor convert_leaf(const Tensor& leaf, ScalarType dtype) {
  auto& cache = state().cache;
  const auto found = cache.find(leaf.impl());
  if (found != cache.end() && is_current(found->second, dtype)) return found->second.copy;
  const Tensor copy = to(leaf, dtype);
  cache[leaf.impl()] = {leaf, copy, leaf.storage(), leaf.storage()->version()};
  return copy;
}

}  // namespace

namespace autocast {

bool is_autocast_enabled(DeviceType type) { return state().enabled[index_of(type)]; }
void set_autocast_enabled(DeviceType type, bool enabled) { state().enabled[index_of(type)] = enabled; }
ScalarType get_autocast_dtype(DeviceType type) { return state().dtype[index_of(type)]; }
void set_autocast_dtype(DeviceType type, ScalarType dtype) {
  check<ValueError>(is_half(dtype), "autocast: {} is no dtype to compute in. Use bfloat16 or float16.", dtype);
  state().dtype[index_of(type)] = dtype;
}
bool is_autocast_cache_enabled() { return state().cache_enabled; }
void set_autocast_cache_enabled(bool enabled) { state().cache_enabled = enabled; }
void clear_cache() { state().cache.clear(); }
int increment_nesting() { return ++state().nesting; }
int decrement_nesting() { return --state().nesting; }

Tensor lower(const Tensor& x) {
  if (!x.defined()) return x;
  const DeviceType type = x.device().type();
  if (!is_autocast_enabled(type) || !x.is_floating_point() || x.dtype() == kFloat64) return x;
  const ScalarType dtype = get_autocast_dtype(type);
  const bool is_weight = x.dtype() == kFloat32 && x.requires_grad() && x.is_leaf();
  return is_weight && state().cache_enabled ? convert_leaf(x, dtype) : to(x, dtype);
}

ScalarType widened_type(const Tensor& x) {
  return is_half(x.dtype()) && is_autocast_enabled(x.device().type()) ? kFloat32 : x.dtype();
}

Tensor widen(const Tensor& x) { return x.defined() ? to(x, widened_type(x)) : x; }

Off::Off() : cpu_(is_autocast_enabled(kCPU)), cuda_(is_autocast_enabled(kCUDA)) {
  set_autocast_enabled(kCPU, false);
  set_autocast_enabled(kCUDA, false);
}

Off::~Off() {
  set_autocast_enabled(kCPU, cpu_);
  set_autocast_enabled(kCUDA, cuda_);
}

}  // namespace autocast

AutocastGuard::AutocastGuard(DeviceType type, ScalarType dtype, bool enabled, bool cache_enabled)
    : type_(type),
      previous_dtype_(autocast::get_autocast_dtype(type)),
      previous_enabled_(autocast::is_autocast_enabled(type)),
      previous_cache_(autocast::is_autocast_cache_enabled()) {
  autocast::set_autocast_dtype(type, dtype);  // first: it may throw
  autocast::set_autocast_enabled(type, enabled);
  autocast::set_autocast_cache_enabled(cache_enabled);
  autocast::increment_nesting();
}

AutocastGuard::~AutocastGuard() {
  if (autocast::decrement_nesting() == 0) autocast::clear_cache();
  autocast::set_autocast_enabled(type_, previous_enabled_);
  autocast::set_autocast_dtype(type_, previous_dtype_);
  autocast::set_autocast_cache_enabled(previous_cache_);
}

}  // namespace tessera
