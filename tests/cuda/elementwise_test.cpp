// The elementwise CUDA kernels against the reference: every op, dtype, memory order, broadcast, size around the pack.
#include "kernels/elementwise/elementwise.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "tests/support/agreement.h"
#include "tests/support/on_device.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

const double kInf = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();
const std::vector<double> kSpecial = {0, -0.0, 1, -1, 2.5, -3.5, 0.125, 7, kInf, -kInf, kNan, 88, -90, 1e-3, 0.3, 19};
const std::vector<double> kWhole = {0, 1, 2, 3, 5, 1, 0, 7, 4, 6};

// The functions of CUDA's library and of the host's are both within a few units in the last place.
auto tolerance(ScalarType type) {
  return scaled(is_floating_point(type) ? (type == kFloat32 || type == kFloat64 ? 16 : 1) * epsilon(type) : 0);
}

bool is_function(UnaryOp op) { return op >= UnaryOp::Sqrt || op == UnaryOp::PowScalar; }

TEST(CudaElementwise, EveryUnaryOp) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kFloat64, kBFloat16, kFloat16, kInt64, kInt32})
    for (int op = 0; op < static_cast<int>(UnaryOp::Count); ++op) {
      const auto o = static_cast<UnaryOp>(op);
      if (!is_floating_point(type) && is_function(o)) continue;
      for (int64_t n : {0, 1, 3, 8, 4099}) {
        for (int64_t shift : {0, 1}) {
          const StridedBuffer in(type, {n}, {}, 1, shift), fast(type, {n}, {}, 1, shift), slow(type, {n});
          in.fill(is_floating_point(type) ? kSpecial : kWhole);
          const OnDevice device{&in, &fast};
          cuda::unary(device(fast.view), device(in.view), o, {0.7, 1.3});
          reference::unary(slow.view, in.view, o, {0.7, 1.3});
          device.fetch();
          expect_close(fast, slow, tolerance(type), std::string(to_string(type)) + " unary op " + std::to_string(op));
          if (HasFatalFailure()) return;
        }
      }
    }
}

TEST(CudaElementwise, EveryBinaryOp) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kFloat64, kBFloat16, kFloat16, kInt64})
    for (int op = 0; op < static_cast<int>(BinaryOp::Count); ++op)
      for (int64_t n : {0, 1, 5, 4100}) {
        const auto o = static_cast<BinaryOp>(op);
        if (!is_floating_point(type) && o >= BinaryOp::SigmoidGrad) continue;
        const StridedBuffer a(type, {n}, {}, 1, 0), b(type, {n}, {}, 1, 0), fast(type, {n}, {}, 1, 0), slow(type, {n});
        a.fill(is_floating_point(type) ? kSpecial : kWhole);
        b.fill(is_floating_point(type) ? std::vector<double>{1, -2, kNan, 0.5, 3, -0.25, kInf} : std::vector<double>{1, 2, 0});
        const OnDevice device{&a, &b, &fast};
        cuda::binary(device(fast.view), device(a.view), device(b.view), o, 1.5);
        reference::binary(slow.view, a.view, b.view, o, 1.5);
        device.fetch();
        expect_close(fast, slow, tolerance(type), std::string(to_string(type)) + " binary op " + std::to_string(op));
        if (HasFatalFailure()) return;
      }
}

// Sizes are multiples of the pack in some cases, so that rows of packs run too. The last output dtype differs from the inputs'.
TEST(CudaElementwise, LayoutsAndBroadcasting) {
  TESSERA_NEEDS_GPU();
  for (const std::vector<int64_t>& s : std::vector<std::vector<int64_t>>{{2, 3, 5, 7}, {2, 16, 3, 8}, {3, 1, 40, 40}, {2, 0, 3, 4}})
    for (ScalarType type : {kFloat32, kBFloat16})
      for (MemoryOrder order : {MemoryOrder::RowMajor, MemoryOrder::ChannelsLast, MemoryOrder::Transposed, MemoryOrder::Spread,
                                MemoryOrder::Sliced})
        for (MemoryOrder out_order : {MemoryOrder::RowMajor, MemoryOrder::ChannelsLast}) {
          const StridedBuffer a(type, s, order), other(type, s, out_order), channel(type, {1, s[1], 1, 1}, {}, 1, 0),
              row(type, {1, 1, 1, s[3]}, {}, 1, 0), one(type, {1, 1, 1, 1});
          std::vector<View> seconds = {other.view};
          for (const StridedBuffer* buffer : {&a, &other, &channel, &row, &one}) buffer->fill_random(3, -4, 4);
          for (const StridedBuffer* buffer : {&channel, &row, &one}) {
            View view = buffer->view;
            for (int d = 0; d < 4; ++d)
              if (view.sizes[d] != s[d]) view.sizes[d] = s[d], view.strides[d] = 0;
            seconds.push_back(view);
          }
          for (ScalarType out_type : {type, kFloat64, kBool})
            for (const View& b : seconds) {
              const StridedBuffer fast(out_type, s, out_order), slow(out_type, s, out_order);
              const OnDevice device{&a, &other, &channel, &row, &one, &fast};
              cuda::binary(device(fast.view), device(a.view), device(b), BinaryOp::Sub, 1);
              reference::binary(slow.view, a.view, b, BinaryOp::Sub, 1);
              device.fetch();
              expect_close(fast, slow, exactly, "sub");
              cuda::where_select(device(fast.view), device(b), device(a.view), device(b));
              reference::where_select(slow.view, b, a.view, b);
              device.fetch();
              expect_close(fast, slow, exactly, "where");
              cuda::copy(device(fast.view), device(b));
              reference::copy(slow.view, b);
              device.fetch();
              expect_close(fast, slow, exactly, "copy");
              if (HasFatalFailure()) return;
            }
        }
}

// Rows of whole packs at aligned addresses: a channels-last bias, and a slice of channels.
TEST(CudaElementwise, RowsOfPacks) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kBFloat16}) {
    const std::vector<int64_t> s = {2, 24, 5, 6};
    const StridedBuffer a(type, s, {0, 2, 3, 1}, 1, 0), wide(type, {2, 40, 5, 6}, {0, 2, 3, 1}, 1, 0), bias(type, {1, 24, 1, 1}, {}, 1, 0);
    for (const StridedBuffer* buffer : {&a, &wide, &bias}) buffer->fill_random(5, -4, 4);
    View repeated = bias.view, slice = wide.view;
    for (int d : {0, 2, 3}) repeated.sizes[d] = s[static_cast<size_t>(d)], repeated.strides[d] = 0;
    slice.sizes[1] = 24;
    slice.data = static_cast<char*>(slice.data) + 16 * element_size(type);
    const StridedBuffer slow(type, s);
    for (const View& b : {repeated, slice}) {
      const StridedBuffer fast(type, s, {0, 2, 3, 1}, 1, 0);
      const OnDevice device{&a, &wide, &bias, &fast};
      cuda::binary(device(fast.view), device(a.view), device(b), BinaryOp::Add, 2);
      reference::binary(slow.view, a.view, b, BinaryOp::Add, 2);
      device.fetch();
      expect_close(fast, slow, scaled(epsilon(type)), "add");  // fused multiply-add rounds once
      cuda::copy(device(fast.view), device(b));
      reference::copy(slow.view, b);
      device.fetch();
      expect_close(fast, slow, exactly, "copy");
      cuda::copy(device(slice), device(a.view));  // as concatenation writes
      device.fetch();
      EXPECT_EQ(wide.get(16 * 30), a.get(0));
      EXPECT_EQ(wide.get(40 * 30 + 39 * 30 + 29), a.get(24 * 30 + 23 * 30 + 29));
    }
  }
}

TEST(CudaElementwise, CopyBetweenLayoutsAndTypes) {
  TESSERA_NEEDS_GPU();
  const std::vector<ScalarType> types = {kFloat32, kFloat64, kBFloat16, kFloat16, kInt64, kInt32, kInt16, kInt8, kUInt8, kBool};
  for (ScalarType from : types)
    for (ScalarType to : types)
      for (MemoryOrder in_order : {MemoryOrder::RowMajor, MemoryOrder::ChannelsLast})
        for (MemoryOrder out_order : {MemoryOrder::RowMajor, MemoryOrder::ChannelsLast, MemoryOrder::Sliced}) {
          const std::vector<int64_t> s = {2, 37, 9, 43};
          const StridedBuffer in(from, s, in_order), fast(to, s, out_order), slow(to, s);
          in.fill([&](int64_t i) { return is_floating_point(from) ? static_cast<double>(i % 127) / 4 : static_cast<double>(i % 127); });
          const OnDevice device{&in, &fast};
          cuda::copy(device(fast.view), device(in.view));
          reference::copy(slow.view, in.view);
          device.fetch();
          expect_close(fast, slow, exactly, std::string(to_string(from)) + " to " + to_string(to));
          if (HasFatalFailure()) return;
        }
}

// Transposition in packs of 16 bytes, with tiles that are not full.
TEST(CudaElementwise, TransposeInPacks) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kBFloat16, kInt32, kFloat16})
    for (const std::vector<int64_t>& s : std::vector<std::vector<int64_t>>{{2, 64, 8, 16}, {1, 72, 3, 40}, {3, 200, 16, 1}, {2, 8, 9, 8}}) {
      const StridedBuffer nchw(type, s, {}, 1, 0), nhwc(type, s, {0, 2, 3, 1}, 1, 0), back(type, s, {}, 1, 0);
      nchw.fill([](int64_t i) { return static_cast<double>(i % 251); });
      const OnDevice device{&nchw, &nhwc, &back};
      cuda::copy(device(nhwc.view), device(nchw.view));
      cuda::copy(device(back.view), device(nhwc.view));
      device.fetch();
      expect_close(nhwc, nchw, exactly, "to channels-last");
      expect_close(back, nchw, exactly, "and back");
    }
}

// One dimension, dtypes mixed: flat loops of 4 elements with their ends.
TEST(CudaElementwise, MixedTypesInOneDimension) {
  TESSERA_NEEDS_GPU();
  for (ScalarType a_type : {kFloat32, kBFloat16, kInt64, kBool})
    for (ScalarType out_type : {kFloat32, kBFloat16, kFloat16, kBool, kUInt8, kInt64})
      for (int64_t n : {1, 3, 4, 1027}) {
        const StridedBuffer a(a_type, {n}, {}, 1, 0), b(kFloat32, {n}, {}, 1, 0), fast(out_type, {n}, {}, 1, 0), slow(out_type, {n});
        a.fill([](int64_t i) { return static_cast<double>(i % 3); });
        b.fill([](int64_t i) { return static_cast<double>(i % 5); });
        const OnDevice device{&a, &b, &fast};
        for (BinaryOp op : {BinaryOp::Mul, BinaryOp::Ge}) {
          cuda::binary(device(fast.view), device(a.view), device(b.view), op, 1);
          reference::binary(slow.view, a.view, b.view, op, 1);
          device.fetch();
          expect_close(fast, slow, exactly, "mixed");
        }
      }
}

TEST(CudaElementwise, Fill) {
  TESSERA_NEEDS_GPU();
  for (ScalarType type : {kFloat32, kFloat64, kBFloat16, kInt64, kInt32, kUInt8, kBool})
    for (int64_t n : {0, 1, 16, 4099})
      for (MemoryOrder order : {MemoryOrder::RowMajor, MemoryOrder::Spread})
        for (const FillValue& value : {FillValue::of(1.5), FillValue::of(int64_t{-3}), FillValue::of(int64_t{0})}) {
          const StridedBuffer fast(type, {n}, order), slow(type, {n});
          const OnDevice device{&fast};
          if (type == kUInt8 && value.integer < 0) continue;
          cuda::fill(device(fast.view), value);
          reference::fill(slow.view, value);
          device.fetch();
          expect_close(fast, slow, exactly, "fill");
        }
}

}  // namespace
}  // namespace tessera::kernels
