#include "core/cuda.h"

#include "core/invalid_target.h"
#include "kernels/cuda/memory.h"

namespace tessera::cuda {

namespace runtime = kernels::cuda;

std::string device_name(const Device& device) {
  return device.is_cpu() ? "cpu" : runtime::device_name(device.resolved().index());
}

void synchronize(const Device& device) {
  if (device.is_cpu()) return;
  runtime::require_device(device.resolved().index());
  const runtime::DeviceGuard guard(device.resolved().index());
  runtime::synchronize_device();
  check_reported_targets();
}

DeviceGuard::DeviceGuard(const Device& device) {
  if (device.is_cpu()) return;
  runtime::require_device(device.resolved().index());
  guard_ = std::make_unique<runtime::DeviceGuard>(device.resolved().index());
}

Stream::Stream() : stream_((runtime::require_device(0), runtime::create_stream()), runtime::destroy_stream) {}

void Stream::synchronize() const {
  runtime::synchronize_stream(get());
  check_reported_targets();
}

void Stream::wait(const Event& event) const { runtime::wait_event(get(), event.get()); }

void Stream::wait(const Stream& other) const {
  const Event event;
  event.record(other);
  wait(event);
}

void Stream::record_use(const Tensor& x) const { runtime::record_use(x.storage()->data(), get()); }

Stream current_stream() {
  runtime::require_device(0);
  return Stream(std::shared_ptr<CUstream_st>(runtime::current_stream(), [](CUstream_st*) {}));
}

StreamGuard::StreamGuard(const Stream& stream) : stream_(stream), previous_(runtime::current_stream()) {
  runtime::set_current_stream(stream.get());
}
StreamGuard::~StreamGuard() { runtime::set_current_stream(previous_); }

Event::Event(bool timing) : event_((runtime::require_device(0), runtime::create_event(timing)), runtime::destroy_event) {}
void Event::record(const Stream& stream) const { runtime::record_event(get(), stream.get()); }
void Event::synchronize() const { runtime::synchronize_event(get()); }
bool Event::query() const { return runtime::event_finished(get()); }
float Event::elapsed_time(const Event& end) const { return runtime::elapsed_ms(get(), end.get()); }

}  // namespace tessera::cuda
