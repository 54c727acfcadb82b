// The fast elementwise kernels over memory orders, broadcasting, types, and in place.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/elementwise/elementwise.h"
#include "tests/support/agreement.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

// Every pairing of layouts, with outputs in every layout: NCHW, channels-last, permuted, strided, broadcast.
TEST(Elementwise, LayoutsAndBroadcasting) {
  for (const std::vector<int64_t>& s :
       std::vector<std::vector<int64_t>>{{2, 3, 5, 7}, {2, 130, 3, 4}, {1, 1, 1, 1}, {3, 1, 40, 40}, {2, 0, 3, 4}}) {
    const std::vector<std::vector<int>> orders = {{0, 1, 2, 3}, {0, 2, 3, 1}, {3, 1, 0, 2}};
    std::vector<StridedBuffer> arrays;
    for (const auto& order : orders)
      for (int64_t gap : {1, 2}) arrays.emplace_back(kFloat32, s, order, gap);
    arrays.emplace_back(kFloat64, s, orders[1]);
    arrays.emplace_back(kBFloat16, s, orders[0]);
    const size_t dense = arrays.size();
    for (size_t i = 0; i < dense; ++i) arrays[i].fill_random(static_cast<unsigned>(i), -4, 4);
    std::vector<View> inputs;
    for (const StridedBuffer& array : arrays) inputs.push_back(array.view);
    const StridedBuffer channel(kFloat32, {1, s[1], 1, 1}), row(kFloat32, {1, 1, 1, s[3]}),
        image(kFloat32, {s[0], 1, s[2], s[3]}), one(kFloat32, {1, 1, 1, 1});
    for (const StridedBuffer* array : {&channel, &row, &image, &one}) {
      array->fill_random(9, -4, 4);
      View view = array->view;
      for (int d = 0; d < 4; ++d)
        if (view.sizes[d] != s[d]) view.sizes[d] = s[d], view.strides[d] = 0;
      inputs.push_back(view);
    }
    for (const auto& order : orders)
      for (ScalarType out_dtype : {kFloat32, kBFloat16, kInt64})
        for (size_t i = 0; i < inputs.size(); ++i) {
          const StridedBuffer fast(out_dtype, s, order, 1 + static_cast<int64_t>(i % 2)), expected(out_dtype, s, order);
          const View& a = inputs[i];
          const std::string what = "input " + std::to_string(i);
          cpu::copy(fast.view, a);
          reference::copy(expected.view, a);
          expect_close(fast, expected, exactly, "copy " + what);
          for (size_t j = i % 3; j < inputs.size(); j += 3) {
            cpu::binary(fast.view, a, inputs[j], BinaryOp::Sub, 1);
            reference::binary(expected.view, a, inputs[j], BinaryOp::Sub, 1);
            expect_close(fast, expected, exactly, "sub " + what);
            cpu::where_select(fast.view, inputs[(i + j) % inputs.size()], a, inputs[j]);
            reference::where_select(expected.view, inputs[(i + j) % inputs.size()], a, inputs[j]);
            expect_close(fast, expected, exactly, "where " + what);
          }
        }
  }
}

// Large enough for several threads and for the tiled transposition.
TEST(Elementwise, CopyBetweenLayouts) {
  for (ScalarType dtype : {kFloat32, kFloat64, kBFloat16, kUInt8, kBool}) {
    const std::vector<int64_t> s = {2, 37, 61, 43};
    const StridedBuffer nchw(dtype, s), nhwc(dtype, s, {0, 2, 3, 1}), permuted(dtype, s, {2, 0, 3, 1}), back(dtype, s);
    nchw.fill_random(1, 0, 200);
    cpu::copy(nhwc.view, nchw.view);
    ASSERT_EQ(nhwc.values(), nchw.values());
    cpu::copy(permuted.view, nhwc.view);
    ASSERT_EQ(permuted.values(), nchw.values());
    cpu::copy(back.view, permuted.view);
    ASSERT_EQ(back.values(), nchw.values());
    for (const StridedBuffer* array : {&nhwc, &permuted, &back}) ASSERT_TRUE(array->nothing_else_written());
  }
}

TEST(Elementwise, EveryDtypeToEveryDtype) {
  const std::vector<ScalarType> dtypes = {kFloat32, kFloat64, kBFloat16, kFloat16, kInt64, kInt32, kUInt8, kBool};
  for (ScalarType from : dtypes)
    for (ScalarType to : dtypes)
      for (int64_t n : {1, 17, 1000, 1025}) {
        const StridedBuffer in(from, {n}), fast(to, {n}), expected(to, {n});
        in.fill_random(1, from == kUInt8 ? 0 : -100, 100);
        cpu::copy(fast.view, in.view);
        reference::copy(expected.view, in.view);
        expect_close(fast, expected, exactly, std::string(to_string(from)) + " to " + to_string(to));
        if (to == kBool) continue;
        cpu::binary(fast.view, in.view, in.view, BinaryOp::Add, 1);
        reference::binary(expected.view, in.view, in.view, BinaryOp::Add, 1);
        expect_close(fast, expected, exactly, std::string("add of ") + to_string(from) + " in " + to_string(to));
      }
}

TEST(Elementwise, Fill) {
  for (Fill* fill : {&reference::fill, &cpu::fill}) {
    const StridedBuffer integers(kInt64, {5, 300}, {1, 0}, 2);
    fill(integers.view, FillValue::of((int64_t{1} << 53) + 1));
    for (int64_t i = 0; i < integers.view.numel(); ++i)
      ASSERT_EQ(integers.view.as<int64_t>()[integers.offset(i)], (int64_t{1} << 53) + 1);
    for (ScalarType dtype : {kFloat32, kFloat64, kBFloat16, kFloat16, kInt32, kUInt8, kBool}) {
      const StridedBuffer array(dtype, {3, 1500});
      fill(array.view, FillValue::of(1.0));
      ASSERT_EQ(array.values(), std::vector<double>(4500, 1.0));
      ASSERT_TRUE(array.nothing_else_written());
    }
  }
}

TEST(Elementwise, InPlace) {
  const StridedBuffer array(kFloat32, {3000}), expected(kFloat32, {3000});
  array.fill_random(1, -4, 4);
  reference::unary(expected.view, array.view, UnaryOp::Relu, {});
  cpu::unary(array.view, array.view, UnaryOp::Relu, {});
  expect_close(array, expected, exactly, "relu in place");
  reference::binary(expected.view, array.view, array.view, BinaryOp::Mul, 1);
  cpu::binary(array.view, array.view, array.view, BinaryOp::Mul, 1);
  expect_close(array, expected, exactly, "mul in place");
}

}  // namespace
}  // namespace tessera::kernels
