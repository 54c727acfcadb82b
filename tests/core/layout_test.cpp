#include "core/layout.h"

#include <gtest/gtest.h>

#include "tests/support/message_of.h"

namespace tessera {
namespace {

using testing_support::message_of;

TEST(Layout, RowMajorAndChannelsLastStrides) {
  EXPECT_EQ(IntArrayRef(Layout::of({2, 3, 4, 5}).strides), IntArrayRef({60, 20, 5, 1}));
  EXPECT_EQ(IntArrayRef(Layout::of({2, 3, 4, 5}, kChannelsLast).strides), IntArrayRef({60, 1, 15, 3}));
  EXPECT_THROW(Layout::of({2, 3}, kChannelsLast), ShapeError);
}

TEST(Layout, FormatIsReadFromTheStrides) {
  for (int64_t c : {1, 2, 3})
    for (int64_t hw : {1, 2, 5}) {
      if (c == 1 && hw == 1) continue;  // one order is the other
      EXPECT_EQ(suggest_memory_format(Layout::of({2, c, hw, hw})), kContiguous) << c << ' ' << hw;
      EXPECT_EQ(suggest_memory_format(Layout::of({2, c, hw, hw}, kChannelsLast)), kChannelsLast) << c << ' ' << hw;
    }
}

TEST(Layout, FreshLikeKeepsDenseOrders) {
  const Layout nhwc = Layout::of({2, 3, 4, 5}, kChannelsLast);
  EXPECT_EQ(IntArrayRef(nhwc.fresh_like().strides), IntArrayRef(nhwc.strides));
  const Layout sliced{{2, 3, 2, 5}, {60, 1, 30, 3}, 7};  // every second row of an NHWC tensor
  EXPECT_EQ(IntArrayRef(sliced.fresh_like().strides), IntArrayRef({30, 1, 15, 3}));
  EXPECT_EQ(sliced.fresh_like().offset, 0);
}

TEST(Layout, Broadcasting) {
  EXPECT_EQ(IntArrayRef(broadcast_shapes("add", {3, 1, 5}, {4, 1})), IntArrayRef({3, 4, 5}));
  EXPECT_EQ(IntArrayRef(broadcast_shapes("add", {}, {2})), IntArrayRef({2}));
  EXPECT_EQ(IntArrayRef(broadcast_shapes("add", {0}, {1})), IntArrayRef({0}));
  const std::string message = message_of<ShapeError>([] { broadcast_shapes("add", {2, 3}, {4}); });
  EXPECT_EQ(message.find("add: shapes [2, 3] and [4] do not broadcast"), 0u) << message;
}

TEST(Layout, ExpandGivesStrideZero) {
  const Layout x = Layout::of({3, 1});
  EXPECT_EQ(IntArrayRef(expand_layout("expand", x, {2, -1, 4}).strides), IntArrayRef({0, 1, 0}));
  EXPECT_THROW(expand_layout("expand", x, {4, 1}), ShapeError);
  EXPECT_THROW(expand_layout("expand", x, {-1, 3, 1}), ShapeError);
}

TEST(Layout, ViewsWhereMemoryOrderAllows) {
  const Layout x = Layout::of({2, 3, 4});
  EXPECT_EQ(IntArrayRef(*view_strides(x, {6, 4})), IntArrayRef({4, 1}));
  EXPECT_EQ(IntArrayRef(*view_strides(x, {2, 1, 12})), IntArrayRef({12, 12, 1}));
  const Layout transposed{{4, 3}, {1, 4}, 0};
  EXPECT_FALSE(view_strides(transposed, {12}));
  EXPECT_EQ(IntArrayRef(*view_strides(transposed, {2, 2, 3})), IntArrayRef({2, 1, 4}));
  const Layout broadcast{{2, 3}, {0, 1}, 0};
  EXPECT_FALSE(view_strides(broadcast, {6}));
  EXPECT_TRUE(view_strides(Layout::of({0, 3}), {3, 0, 7}));
}

TEST(Layout, InferShape) {
  EXPECT_EQ(IntArrayRef(infer_shape("view", {2, -1}, 6)), IntArrayRef({2, 3}));
  EXPECT_EQ(IntArrayRef(infer_shape("view", {0, 5}, 0)), IntArrayRef({0, 5}));
  EXPECT_THROW(infer_shape("view", {4, -1}, 6), ShapeError);
  EXPECT_THROW(infer_shape("view", {-1, -1}, 6), ShapeError);
  EXPECT_THROW(infer_shape("view", {0, -1}, 0), ShapeError);
  EXPECT_THROW(infer_shape("view", {7}, 6), ShapeError);
}

TEST(Layout, DimensionsOutOfRangeNameTheOp) {
  EXPECT_EQ(normalize_dim("sum", -1, 3), 2);
  EXPECT_EQ(normalize_dim("sum", -1, 0), 0);
  EXPECT_THROW(normalize_dim("sum", 3, 3), IndexError);
}

}  // namespace
}  // namespace tessera
