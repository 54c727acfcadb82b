#include "kernels/cuda/runtime.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "kernels/cuda/check.h"
#include "kernels/cuda/graph.h"

namespace tessera::kernels::cuda {
namespace {

thread_local std::vector<Stream> current_streams;  // by device; missing: the default stream
thread_local const char* table_entry = nullptr;

// The status of the first look for devices, and their number.
struct Devices {
  int count = 0;
  cudaError_t status = cudaGetDeviceCount(&count);
};
const Devices& devices() {
  static const Devices found;
  return found;
}

std::string missing_device(int index) {
  const std::string device = "device cuda:" + std::to_string(index) + ": ";
  const Devices& found = devices();
  if (found.status == cudaErrorInsufficientDriver)
    return device + "this machine has no NVIDIA driver, or one too old for CUDA " + std::to_string(CUDART_VERSION / 1000) + "." +
           std::to_string(CUDART_VERSION % 1000 / 10) + ". Install or update the driver, or use the device cpu.";
  if (found.status == cudaErrorNoDevice || (found.status == cudaSuccess && found.count == 0))
    return device + "this machine has no CUDA GPU, or CUDA_VISIBLE_DEVICES hides it. Use the device cpu.";
  if (found.status != cudaSuccess)
    return device + "CUDA cannot start (" + cudaGetErrorString(found.status) +
           "). See whether nvidia-smi works, or use the device cpu.";
  return device + "this machine has " + std::to_string(found.count) + " CUDA GPU" + (found.count == 1 ? "" : "s") +
         ". Use cuda:0" + (found.count == 1 ? "." : " to cuda:" + std::to_string(found.count - 1) + ".");
}

std::string remedy(cudaError_t status) {
  if (status == cudaErrorNoKernelImageForDevice || status == cudaErrorUnsupportedPtxVersion)
    return " Build with -DCMAKE_CUDA_ARCHITECTURES for this GPU.";
  if (status == cudaErrorIllegalAddress || status == cudaErrorLaunchFailure || status == cudaErrorAssert)
    return " The fault may lie in an earlier kernel: run with TESSERA_CUDA_DEBUG=1. The process must be started anew.";
  return "";
}

void check_kernel(cudaError_t status, const char* kernel) {
  if (status == cudaSuccess) [[likely]] return;
  const std::string name = table_entry == nullptr ? kernel : std::string(table_entry) + " (kernel " + kernel + ")";
  throw DeviceError(name + ": " + cudaGetErrorString(status) + "." + remedy(status));
}

}  // namespace

void require_no_capture(const char* op) {
  if (!is_capturing()) return;
  throw DeviceError(
      std::string(table_entry == nullptr ? op : table_entry) +
      ": a CUDA graph is being recorded. Nothing runs yet that the host could wait for, and a replay would read or write "
      "the same host memory again. Do this before the recording or after a replay.");
}

int device_count() { return devices().status == cudaSuccess ? devices().count : 0; }

void require_device(int index) {
  if (index >= device_count()) throw DeviceError(missing_device(index));
}

std::string device_name(int index) {
  require_device(index);
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, index), "device properties");
  return properties.name;
}

int current_device() {
  int device = 0;
  check(cudaGetDevice(&device), "current device");
  return device;
}

void set_device(int index) { check(cudaSetDevice(index), "choosing a device"); }
void synchronize_device() {
  require_no_capture("synchronize");
  check(cudaDeviceSynchronize(), "waiting for the device");
}

Stream current_stream() {
  if (current_streams.empty()) return nullptr;
  const size_t device = static_cast<size_t>(current_device());
  return device < current_streams.size() ? current_streams[device] : nullptr;
}

void set_current_stream(Stream stream) {
  const size_t device = static_cast<size_t>(current_device());
  if (device >= current_streams.size()) current_streams.resize(device + 1);
  current_streams[device] = stream;
}

Stream create_stream() {
  Stream stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  return stream;
}

void destroy_stream(Stream stream) { cudaStreamDestroy(stream); }
void synchronize_stream(Stream stream) {
  require_no_capture("Stream::synchronize");
  check(cudaStreamSynchronize(stream), "waiting for a stream");
}

Event create_event(bool timing) {
  Event event = nullptr;
  check(cudaEventCreateWithFlags(&event, timing ? cudaEventDefault : cudaEventDisableTiming), "making an event");
  return event;
}

void destroy_event(Event event) { cudaEventDestroy(event); }
void record_event(Event event, Stream stream) { check(cudaEventRecord(event, stream), "recording an event"); }
void wait_event(Stream stream, Event event) { check(cudaStreamWaitEvent(stream, event, 0), "waiting for an event"); }
void synchronize_event(Event event) {
  require_no_capture("Event::synchronize");
  check(cudaEventSynchronize(event), "waiting for an event");
}

bool event_finished(Event event) {
  const cudaError_t status = cudaEventQuery(event);
  if (status == cudaErrorNotReady) return false;
  check(status, "asking for an event");
  return true;
}

float elapsed_ms(Event begin, Event end) {
  float ms = 0;
  check(cudaEventElapsedTime(&ms, begin, end), "the time between two events");
  return ms;
}

KernelCall::KernelCall(int device, const char* name) : device_(device), previous_(table_entry) { table_entry = name; }
KernelCall::~KernelCall() { table_entry = previous_; }

void check_launch(const char* kernel) {
  static const bool debug = std::getenv("TESSERA_CUDA_DEBUG") != nullptr;
  check_kernel(cudaGetLastError(), kernel);
  if (debug && !is_capturing()) check_kernel(cudaStreamSynchronize(current_stream()), kernel);
}

}  // namespace tessera::kernels::cuda
