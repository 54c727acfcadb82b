// cuDNN's graph interface, as far as one operation needs it: descriptors, and the choice of the fastest plan for an operation.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "kernels/cuda/cudnn_library.h"
#include "kernels/view.h"

namespace tessera::kernels::cudnn {

// Owns one of cuDNN's descriptors. Attributes are set, then it is finalized, then it may be used.
class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type);
  Descriptor(Descriptor&& other) noexcept : descriptor_(other.descriptor_) { other.descriptor_ = nullptr; }
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count, const void* values);
  void set(cudnnBackendAttributeName_t name, const std::vector<int64_t>& values);
  void set(cudnnBackendAttributeName_t name, const Descriptor& value);
  void set(cudnnBackendAttributeName_t name, cudnnHandle_t value);
  void set(cudnnBackendAttributeName_t name, cudnnDataType_t value);
  void finalize();                              // DeviceError where cuDNN refuses
  [[nodiscard]] cudnnStatus_t try_finalize();   // for what may be unsupported
  // Fills `values`, which has room for `room`; returns how many there are.
  int64_t get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t room, void* values) const;
  cudnnBackendDescriptor_t get() const { return descriptor_; }

 private:
  cudnnBackendDescriptor_t descriptor_ = nullptr;
};

// The description of a tensor, known by `id` in the operation.
Descriptor tensor_descriptor(const View& view, int64_t id);

// The memory that a plan works on: tensors by their ids.
struct Binding {
  int64_t id;
  void* data;
};

// A way to compute an operation, ready to run.
class Plan {
 public:
  Plan(Descriptor plan, int64_t workspace) : plan_(std::move(plan)), workspace_(workspace) {}
  cudnnStatus_t run(std::initializer_list<Binding> bindings) const;  // on the current stream

 private:
  Descriptor plan_;
  int64_t workspace_;  // bytes
};

// The fastest of the plans that cuDNN proposes for `operation`, by a run of each on the given memory, which outputs overwrite. Only
// deterministic ones count; with `full_precision` none that rounds float32 operands. DeviceError if there is none.
Plan fastest_plan(const Descriptor& operation, std::initializer_list<Binding> bindings, bool full_precision);

}  // namespace tessera::kernels::cudnn
