// What a build without CUDA has in the place of runtime.cpp, memory.cpp and graph.cpp.
#include "kernels/cuda/graph.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/runtime.h"
#include "kernels/cuda/target_check.h"
#include "kernels/error.h"

namespace tessera::kernels::cuda {
namespace {

[[noreturn]] void absent(int device) {
  throw DeviceError("device cuda:" + std::to_string(device) +
                    ": this build of Tessera has no CUDA. Build with -DTESSERA_CUDA=ON, or use the device cpu.");
}

}  // namespace

int device_count() { return 0; }
void require_device(int index) { absent(index); }
std::string device_name(int index) { absent(index); }

int current_device() { absent(0); }
void set_device(int index) { absent(index); }
void synchronize_device() { absent(0); }

Stream current_stream() { absent(0); }
void set_current_stream(Stream) { absent(0); }
Stream create_stream() { absent(0); }
void destroy_stream(Stream) {}
void synchronize_stream(Stream) { absent(0); }

Event create_event(bool) { absent(0); }
void destroy_event(Event) {}
void record_event(Event, Stream) { absent(0); }
void wait_event(Stream, Event) { absent(0); }
bool event_finished(Event) { absent(0); }
void synchronize_event(Event) { absent(0); }
float elapsed_ms(Event, Event) { absent(0); }

KernelCall::KernelCall(int device, const char*) : device_(device), previous_(nullptr) {}
KernelCall::~KernelCall() = default;
void check_launch(const char*) {}
std::optional<InvalidTarget> take_invalid_target() { return std::nullopt; }

bool is_capturing() { return false; }
void require_no_capture(const char*) {}
void begin_capture(Stream, uint64_t, const uint64_t*) { absent(0); }
GraphExec end_capture(Stream) { absent(0); }
void launch_graph(GraphExec, Stream) { absent(0); }
void destroy_graph(GraphExec) {}
const uint64_t* captured_random_shift() { return nullptr; }

void* allocate(size_t) { absent(0); }
void deallocate(void*) noexcept {}
void record_use(void*, Stream) {}
uint64_t make_memory_pool() { absent(0); }
void give_up_memory_pool(uint64_t) {}
void use_memory_pool(uint64_t) {}
MemoryStats memory_stats(int device) { absent(device); }
void reset_peak_memory_stats(int device) { absent(device); }
void empty_cache() {}
void* allocate_pinned(size_t) { absent(0); }
void deallocate_pinned(void*) noexcept {}
bool is_pinned(const void*) { return false; }
void copy_bytes(void*, const void*, size_t) { absent(0); }
void fill_bytes(void*, unsigned char, size_t) { absent(0); }

}  // namespace tessera::kernels::cuda
