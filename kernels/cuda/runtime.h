// The CUDA runtime as the rest of Tessera sees it: devices, streams, events. No CUDA header is needed to include this.
//
// runtime.cpp implements it; a build without CUDA has absent.cpp instead, where device_count() is 0 and everything else throws
// the DeviceError of require_device(). So nobody outside of kernels/cuda knows at compile time whether CUDA is there.
//
// As in the runtime itself, each thread has a current device; here it also has a current stream for each device, on which
// kernels and copies run and memory is allocated. At first that is the default stream.
#pragma once

#include <string>

struct CUstream_st;
struct CUevent_st;

namespace tessera::kernels::cuda {

using Stream = CUstream_st*;  // cudaStream_t; nullptr is the default stream
using Event = CUevent_st*;    // cudaEvent_t

// 0 where there is no GPU, no driver or no CUDA in this build. Never throws.
int device_count();
// Throws DeviceError, in one line with the remedy, unless this build and this machine have the device "cuda:`index`".
void require_device(int index);
std::string device_name(int index);

int current_device();
void set_device(int index);
void synchronize_device();  // waits for all work on the current device

Stream current_stream();
void set_current_stream(Stream stream);
Stream create_stream();  // does not wait for the default stream
void destroy_stream(Stream stream);
void synchronize_stream(Stream stream);

Event create_event(bool timing);
void destroy_event(Event event);
void record_event(Event event, Stream stream);
void wait_event(Stream stream, Event event);  // later work in the stream begins after the event
bool event_finished(Event event);
void synchronize_event(Event event);
float elapsed_ms(Event begin, Event end);

// Makes a device current until the end of the scope.
class DeviceGuard {
 public:
  explicit DeviceGuard(int index) : previous_(current_device()), changed_(index != previous_) {
    if (changed_) set_device(index);
  }
  ~DeviceGuard() {
    if (changed_) set_device(previous_);
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int previous_;
  bool changed_;
};

// The call of a kernel table's entry: its device is current and errors name it until the end of the scope.
class KernelCall {
 public:
  KernelCall(int device, const char* name);
  ~KernelCall();
  KernelCall(const KernelCall&) = delete;
  KernelCall& operator=(const KernelCall&) = delete;

 private:
  DeviceGuard device_;
  const char* previous_;
};

// To be called after each launch (launch.h does): throws DeviceError naming the table's entry and `kernel` if it could not start.
// With TESSERA_CUDA_DEBUG=1 in the environment it waits for the kernel's end, so that a fault inside is reported here and not at
// some later call.
void check_launch(const char* kernel);

}  // namespace tessera::kernels::cuda
