// Where the time goes: what each call of a kernel table's entry takes.
//
//     KernelProfile profile;
//     step();
//     std::cout << profile.table();
//
// On a CUDA device the times are those between events around each call, so nothing waits until rows() is asked for; short kernels
// include the gap before them where the host is slower than the device. Entries of one name, device and set of shapes add up.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "core/device.h"
#include "kernels/view.h"

namespace tessera {

// From construction to destruction, of all threads. Profiles do not nest: ValueError.
class KernelProfile {
 public:
  KernelProfile();
  ~KernelProfile();
  KernelProfile(const KernelProfile&) = delete;
  KernelProfile& operator=(const KernelProfile&) = delete;

  struct Row {
    std::string kernel, operands;  // "conv2d_forward", "bfloat16[16, 32, 256, 512] bfloat16[...] ..."
    int64_t calls = 0;
    double ms = 0;  // of all calls together
  };
  // Largest time first. Waits for the device.
  std::vector<Row> rows() const;
  int64_t calls(const std::string& kernel) const;  // of that name so far
  // The rows as text: kernel, calls, milliseconds, share, operands; first the totals by kernel.
  std::string table() const;
};

namespace detail {

extern std::atomic<bool> profiling;

std::string describe(const View& view);
template <class Arg> void append_operand(std::string& text, const Arg& arg) {
  if constexpr (std::is_same_v<Arg, View>) {
    if (arg.data != nullptr) text += (text.empty() ? "" : " ") + describe(arg);
  }
}

// Around one call. Does nothing unless a profile lives.
class ProfiledCall {
 public:
  template <class... Args> ProfiledCall(const char* kernel, const Device& device, const Args&... args) {
    if (!profiling.load(std::memory_order_relaxed)) [[likely]] return;
    std::string operands;
    (append_operand(operands, args), ...);
    begin(kernel, device, std::move(operands));
  }
  ~ProfiledCall() {
    if (call_ != nullptr) end();
  }
  ProfiledCall(const ProfiledCall&) = delete;
  ProfiledCall& operator=(const ProfiledCall&) = delete;

  struct Call;

 private:
  void begin(const char* kernel, const Device& device, std::string operands);
  void end();
  std::shared_ptr<Call> call_;
};

}  // namespace detail
}  // namespace tessera
