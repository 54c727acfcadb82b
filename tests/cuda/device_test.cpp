// The device layer through tensors: copies, streams, events, pinned memory, statistics, errors.
#include <gtest/gtest.h>

#include <sstream>

#include "core/allocator.h"
#include "core/autograd.h"
#include "core/cuda.h"
#include "core/format.h"
#include "core/ops.h"
#include "core/random.h"
#include "tests/support/message_of.h"
#include "tests/support/on_device.h"

namespace tessera {
namespace {

using testing_support::message_of;

TEST(CudaDevice, AMissingDeviceIsAClearLine) {
  const int count = cuda::device_count();
  const std::string message = message_of<DeviceError>([&] { empty({2}, Device(kCUDA, count)); });
  EXPECT_NE(message.find("device cuda:" + std::to_string(count) + ": this "), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(CudaDevice, ThereAndBack) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kFloat64, kBFloat16, kInt64, kBool}) {
    const Tensor x = randint(0, 2, {2, 3, 4, 5}).to(type);
    for (const Tensor& y : {x, x.contiguous(kChannelsLast), x.permute({3, 1, 0, 2}), x.slice(2, 1, 4, 2), x.select(0, 1).expand({2, 3, 4, 5})}) {
      const Tensor there = y.cuda(), back = there.cpu();
      EXPECT_TRUE(there.is_cuda());
      EXPECT_EQ(there.strides(), y.layout().fresh_like().strides);
      EXPECT_TRUE(back.eq(y).all().item<bool>());
      EXPECT_TRUE(there.transpose(0, 1).cpu().eq(y.transpose(0, 1)).all().item<bool>());
    }
  }
  EXPECT_EQ(zeros({0, 3}, kCUDA).cpu().numel(), 0);
  EXPECT_EQ(tensor({{1, 2}, {3, 4}}, kCUDA).sum().item<int64_t>(), 10);
  std::ostringstream text;
  text << tensor({1, 2}, kCUDA);
  EXPECT_NE(text.str().find("CUDALongType{2}"), std::string::npos) << text.str();
}

TEST(CudaDevice, CopyIntoAnotherDeviceConvertsAndBroadcasts) {
  TESSERA_NEEDS_GPU();
  const Tensor target = zeros({3, 4}, TensorOptions(kCUDA).dtype(kBFloat16)), row = arange(4).to(kDouble);
  target.copy_(row);
  EXPECT_TRUE(target.cpu().to(kDouble).eq(row.expand({3, 4})).all().item<bool>());
  const Tensor host = zeros({4, 3}, kInt64).t();
  host.copy_(target);
  EXPECT_TRUE(host.eq(row.to(kInt64).expand({3, 4})).all().item<bool>());
}

TEST(CudaDevice, GradientsReturnToTheirDevice) {
  TESSERA_NEEDS_GPU();
  const Tensor x = rand({3, 4}).requires_grad_();
  (x.cuda() * 2).sum().backward();
  EXPECT_TRUE(x.grad().device().is_cpu());
  EXPECT_TRUE(x.grad().eq(full({3, 4}, 2)).all().item<bool>());
}

TEST(CudaDevice, RandomNumbersAreThoseOfTheCpu) {
  TESSERA_NEEDS_GPU();
  manual_seed(5);
  const Tensor here = rand({7, 9});
  manual_seed(5);
  EXPECT_TRUE(rand({7, 9}, kCUDA).cpu().eq(here).all().item<bool>());
}

TEST(CudaDevice, PinnedMemoryAndStreams) {
  TESSERA_NEEDS_GPU();
  const Tensor x = rand({1 << 20}), pinned = x.pin_memory();
  EXPECT_TRUE(pinned.is_pinned());
  EXPECT_TRUE(pinned.slice(0, 5).is_pinned());
  EXPECT_FALSE(x.is_pinned());
  const cuda::Stream copies;
  Tensor there;
  {
    const cuda::StreamGuard guard(copies);
    there = pinned.to(kCUDA, /*non_blocking=*/true);
    EXPECT_EQ(cuda::current_stream().get(), copies.get());
  }
  EXPECT_NE(cuda::current_stream().get(), copies.get());
  cuda::current_stream().wait(copies);
  const Tensor doubled = there + there;
  cuda::current_stream().record_use(there);
  EXPECT_TRUE(doubled.cpu().eq(x + x).all().item<bool>());
  const cuda::Event begin(true), end(true);
  begin.record();
  Tensor sum = doubled + doubled;
  end.record();
  end.synchronize();
  EXPECT_TRUE(end.query());
  EXPECT_GT(begin.elapsed_time(end), 0);
}

TEST(CudaDevice, MemoryIsCountedAndUsedAgain) {
  TESSERA_NEEDS_GPU();
  cuda::synchronize();
  empty_cache();
  const int64_t before = memory_stats(kCUDA).allocated, reserved = memory_stats(kCUDA).reserved;
  reset_peak_memory_stats(kCUDA);
  void* first;
  {
    const Tensor x = empty({3 << 20}, kCUDA);
    first = x.data_ptr();
    EXPECT_EQ(memory_stats(kCUDA).allocated - before, 12 << 20);
  }
  {
    const Tensor x = empty({3 << 20}, kCUDA), y = empty({100}, kCUDA), z = empty({100}, kCUDA);
    EXPECT_EQ(x.data_ptr(), first);
    EXPECT_EQ(memory_stats(kCUDA).allocated - before, (12 << 20) + 1024);
  }
  EXPECT_EQ(memory_stats(kCUDA).allocated, before);
  EXPECT_EQ(memory_stats(kCUDA).peak_allocated - before, (12 << 20) + 1024);
  EXPECT_GT(memory_stats(kCUDA).reserved, reserved);
  empty_cache();
  EXPECT_EQ(memory_stats(kCUDA).reserved, reserved);
}

TEST(CudaDevice, BlocksSplitAndMerge) {
  TESSERA_NEEDS_GPU();
  empty_cache();
  const int64_t before = memory_stats(kCUDA).reserved;
  for (int round = 0; round < 3; ++round) {
    std::vector<Tensor> tensors;
    for (int64_t mib : {2, 3, 5, 4}) tensors.push_back(full({mib << 18}, static_cast<double>(mib), kCUDA));
    for (const Tensor& t : tensors) EXPECT_EQ(t.slice(0, 0, 9).sum().item<double>(), 9 * t.nbytes() / (1 << 20));
    tensors.erase(tensors.begin() + 1);
    tensors.erase(tensors.begin() + 1);
    tensors.push_back(empty({7 << 18}, kCUDA));
  }
  EXPECT_EQ(memory_stats(kCUDA).reserved - before, (20 << 20) + (2 << 20));  // one segment of each kind
}

TEST(CudaDevice, OutOfMemoryNamesTheNumbers) {
  TESSERA_NEEDS_GPU();
  const std::string message = message_of<DeviceError>([] { empty({int64_t{1} << 42}, kCUDA); });
  EXPECT_NE(message.find("out of memory: 16777216 MiB were asked for"), std::string::npos) << message;
  EXPECT_EQ(ones({2}, kCUDA).sum().item<double>(), 2);
}

}  // namespace
}  // namespace tessera
