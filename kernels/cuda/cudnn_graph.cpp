#include "kernels/cuda/cudnn_graph.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "kernels/cuda/memory.h"
#include "kernels/cuda/runtime.h"
#include "kernels/error.h"

namespace tessera::kernels::cudnn {
namespace {

constexpr int64_t kMostWorkspace = int64_t{4} << 30;
constexpr size_t kMostPlans = 16;  // that are tried: cuDNN proposes them in the order of what it expects

// The engine configurations that cuDNN proposes, likeliest first.
std::vector<Descriptor> proposals(const Descriptor& graph, cudnnBackendHeurMode_t mode) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
  if (heuristics.try_finalize() != CUDNN_STATUS_SUCCESS) return {};
  const int64_t most = heuristics.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr);
  std::vector<Descriptor> found;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (int64_t i = 0; i < most; ++i) raw.push_back(found.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR).get());
  const int64_t count =
      most == 0 ? 0 : heuristics.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, raw.data());
  while (static_cast<int64_t>(found.size()) > count) found.pop_back();  // fewer than announced have come
  return found;
}

bool allowed(const Descriptor& configuration, bool full_precision) {
  Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t raw = engine.get();
  configuration.get(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw);
  std::array<cudnnBackendNumericalNote_t, CUDNN_NUMERICAL_NOTE_TYPE_COUNT> notes;
  const int64_t count = engine.get(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, notes.size(), notes.data());
  return std::none_of(notes.begin(), notes.begin() + count, [&](cudnnBackendNumericalNote_t note) {
    if (note == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) return true;
    return full_precision && (note == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS || note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
  });
}

std::optional<Plan> make_plan(const Descriptor& configuration) {
  Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, handle());
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
  if (plan.try_finalize() != CUDNN_STATUS_SUCCESS) return std::nullopt;
  int64_t workspace = 0;
  plan.get(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &workspace);
  if (workspace > kMostWorkspace) return std::nullopt;
  return Plan(std::move(plan), workspace);
}

// Milliseconds: the shortest of three runs after a first one. Nothing if it does not run.
std::optional<float> time_of(const Plan& plan, std::initializer_list<Binding> bindings) {
  const cuda::Event begin = cuda::create_event(/*timing=*/true), end = cuda::create_event(/*timing=*/true);
  std::optional<float> shortest;
  for (int run = 0; run < 4; ++run) {
    cuda::record_event(begin, cuda::current_stream());
    if (plan.run(bindings) != CUDNN_STATUS_SUCCESS) break;
    cuda::record_event(end, cuda::current_stream());
    cuda::synchronize_event(end);
    if (run > 0) shortest = std::min(shortest.value_or(1e9f), cuda::elapsed_ms(begin, end));
  }
  cuda::destroy_event(begin);
  cuda::destroy_event(end);
  return shortest;
}

}  // namespace

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) {
  check(library().create_descriptor(type, &descriptor_), "making a descriptor");
}
Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}
Descriptor::~Descriptor() {
  if (descriptor_ != nullptr) library().destroy_descriptor(descriptor_);
}

void Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count, const void* values) {
  check(library().set_attribute(descriptor_, name, type, count, values), "describing an operation");
}
void Descriptor::set(cudnnBackendAttributeName_t name, const std::vector<int64_t>& values) {
  set(name, CUDNN_TYPE_INT64, static_cast<int64_t>(values.size()), values.data());
}
void Descriptor::set(cudnnBackendAttributeName_t name, const Descriptor& value) {
  set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value.descriptor_);
}
void Descriptor::set(cudnnBackendAttributeName_t name, cudnnHandle_t value) { set(name, CUDNN_TYPE_HANDLE, 1, &value); }
void Descriptor::set(cudnnBackendAttributeName_t name, cudnnDataType_t value) { set(name, CUDNN_TYPE_DATA_TYPE, 1, &value); }
void Descriptor::finalize() { check(try_finalize(), "describing an operation"); }
cudnnStatus_t Descriptor::try_finalize() { return library().finalize(descriptor_); }

int64_t Descriptor::get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t room, void* values) const {
  int64_t count = 0;
  check(library().get_attribute(descriptor_, name, type, room, &count, values), "asking a descriptor");
  return count;
}

Descriptor tensor_descriptor(const View& view, int64_t id) {
  Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, data_type(view.dtype));
  tensor.set(CUDNN_ATTR_TENSOR_DIMENSIONS, {view.sizes.begin(), view.sizes.begin() + view.ndim});
  tensor.set(CUDNN_ATTR_TENSOR_STRIDES, {view.strides.begin(), view.strides.begin() + view.ndim});
  tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, std::vector<int64_t>{id});
  // What its address is a multiple of, up to 16.
  const auto address = reinterpret_cast<uintptr_t>(view.data) | 16;
  tensor.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, std::vector<int64_t>{static_cast<int64_t>(address & -address)});
  tensor.finalize();
  return tensor;
}

cudnnStatus_t Plan::run(std::initializer_list<Binding> bindings) const {
  const cuda::DeviceScratch<unsigned char> workspace(workspace_);
  void* const workspace_data = workspace.data();
  std::vector<void*> data;
  std::vector<int64_t> ids;
  for (const Binding& b : bindings) {
    data.push_back(b.data);
    ids.push_back(b.id);
  }
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, static_cast<int64_t>(data.size()), data.data());
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids);
  pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace_data);
  pack.finalize();
  return library().execute(handle(), plan_.get(), pack.get());
}

Plan fastest_plan(const Descriptor& operation, std::initializer_list<Binding> bindings, bool full_precision) {
  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle());
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation);
  graph.finalize();
  std::optional<Plan> best;
  float best_time = 0;
  for (cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    size_t tried = 0;
    for (const Descriptor& configuration : proposals(graph, mode)) {
      if (tried == kMostPlans || !allowed(configuration, full_precision)) continue;
      std::optional<Plan> plan = make_plan(configuration);
      if (!plan) continue;
      ++tried;
      const std::optional<float> time = time_of(*plan, bindings);
      if (!time || (best && *time >= best_time)) continue;
      best = std::move(plan);
      best_time = *time;
    }
    if (best) return std::move(*best);  // the fallback is for what has no other
  }
  throw DeviceError("cudnn: it has no deterministic kernel for these shapes, types and precision. Use Tessera's own (set_kernels).");
}

}  // namespace tessera::kernels::cudnn
