#include "core/kernel_profile.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>

#include "core/cuda.h"

namespace tessera {

struct detail::ProfiledCall::Call {
  std::string kernel, operands;
  std::chrono::steady_clock::time_point begun{};
  double ms = 0;
  std::unique_ptr<cuda::Event> before, after;  // on a CUDA device
};

namespace {

using detail::ProfiledCall;

struct Calls {
  std::mutex mutex;
  std::vector<std::shared_ptr<ProfiledCall::Call>> all;
};
Calls& calls_so_far() {
  static Calls instance;
  return instance;
}

double milliseconds(const ProfiledCall::Call& call) {
  if (call.before == nullptr) return call.ms;
  if (call.after == nullptr) return 0;  // the call threw
  call.after->synchronize();
  return call.before->elapsed_time(*call.after);
}

void sort_by_time(std::vector<KernelProfile::Row>& rows) {
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.ms > b.ms; });
}

}  // namespace

std::atomic<bool> detail::profiling{false};

std::string detail::describe(const View& view) {
  std::string text = fmt::format("{}[", view.dtype);
  for (int d = 0; d < view.ndim; ++d) text += (d == 0 ? "" : ", ") + std::to_string(view.sizes[static_cast<size_t>(d)]);
  return text + "]";
}

void detail::ProfiledCall::begin(const char* kernel, const Device& device, std::string operands) {
  call_ = std::make_shared<Call>();
  call_->kernel = kernel;
  call_->operands = std::move(operands);
  {
    const std::lock_guard lock(calls_so_far().mutex);
    calls_so_far().all.push_back(call_);
  }
  if (device.is_cuda()) {
    const cuda::DeviceGuard guard(device);
    call_->before = std::make_unique<cuda::Event>(/*timing=*/true);
    call_->before->record();
  }
  call_->begun = std::chrono::steady_clock::now();
}

void detail::ProfiledCall::end() {
  call_->ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - call_->begun).count();
  if (call_->before == nullptr) return;
  call_->after = std::make_unique<cuda::Event>(/*timing=*/true);
  call_->after->record();
}

KernelProfile::KernelProfile() {
  check<ValueError>(!detail::profiling.exchange(true), "KernelProfile: another profile is being taken. End it first.");
  const std::lock_guard lock(calls_so_far().mutex);
  calls_so_far().all.clear();
}

KernelProfile::~KernelProfile() {
  detail::profiling = false;
  const std::lock_guard lock(calls_so_far().mutex);
  calls_so_far().all.clear();
}

std::vector<KernelProfile::Row> KernelProfile::rows() const {
  const std::lock_guard lock(calls_so_far().mutex);
  std::map<std::pair<std::string, std::string>, Row> sums;
  for (const auto& call : calls_so_far().all) {
    Row& row = sums[{call->kernel, call->operands}];
    row.kernel = call->kernel;
    row.operands = call->operands;
    ++row.calls;
    row.ms += milliseconds(*call);
  }
  std::vector<Row> rows;
  for (auto& [key, row] : sums) rows.push_back(std::move(row));
  sort_by_time(rows);
  return rows;
}

int64_t KernelProfile::calls(const std::string& kernel) const {
  const std::lock_guard lock(calls_so_far().mutex);
  const auto& all = calls_so_far().all;
  return std::count_if(all.begin(), all.end(), [&](const auto& call) { return call->kernel == kernel; });
}

std::string KernelProfile::table() const {
  const std::vector<Row> all = rows();
  std::map<std::string, Row> sums;
  Row total{"total", "", 0, 0};
  for (const Row& row : all) {
    Row& sum = sums[row.kernel];
    sum.kernel = row.kernel;
    for (Row* to : {&sum, &total}) {
      to->calls += row.calls;
      to->ms += row.ms;
    }
  }
  std::vector<Row> by_kernel{total};
  for (const auto& [kernel, sum] : sums) by_kernel.push_back(sum);
  sort_by_time(by_kernel);
  std::string text;
  const auto add = [&](const Row& row) {
    text += fmt::format("{:<28}{:>6}{:>10.3f} ms{:>7.1f} %  {}\n", row.kernel, row.calls, row.ms, 100 * row.ms / total.ms, row.operands);
  };
  for (const Row& row : by_kernel) add(row);
  text += "\n";
  for (const Row& row : all) add(row);
  return text;
}

}  // namespace tessera
