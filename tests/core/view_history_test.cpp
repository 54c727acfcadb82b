// Writing into views while gradients are recorded: what the whole, its other views and the written values get.
#include <gtest/gtest.h>

#include "core/autograd.h"
#include "core/gradcheck.h"
#include "core/indexing.h"
#include "core/ops.h"
#include "tests/support/message_of.h"

namespace tessera {
namespace {

using indexing::Slice;
using testing_support::message_of;

Tensor leaf(IntArrayRef sizes) { return rand(sizes, kFloat64).requires_grad_(); }

// Each starts from a non-leaf of shape [3, 4] with the values of in[0] and writes in[1], of shape [4], or a number into it.
const std::vector<std::pair<const char*, std::function<Tensor(const TensorList&)>>> kWrites = {
    {"row",
     [](const TensorList& in) {
       const Tensor y = in[0] * 2;
       y[1] = in[1];
       return y;
     }},
    {"number",
     [](const TensorList& in) {
       const Tensor y = in[0] * in[0];
       y[1] = 5;
       return y * y;
     }},
    {"element",
     [](const TensorList& in) {
       const Tensor y = in[0] * in[0];
       y[1][2] = in[1][0] * in[1][1];
       return y * y;
     }},
    {"in place op on a view",
     [](const TensorList& in) {
       const Tensor y = in[0] * 1;
       y.slice(1, 1, 3).mul_(y.slice(1, 0, 2));
       return y * y;
     }},
    {"op that saves its output",
     [](const TensorList& in) {
       const Tensor y = in[0] - 0.5;
       y.t()[1].relu_();
       return y;
     }},
    {"transposed",
     [](const TensorList& in) {
       const Tensor y = in[0] * 1;
       y.t().slice(1, 2).copy_(in[1].view({4, 1}));
       return y * y;
     }},
    {"two views in turn",
     [](const TensorList& in) {
       const Tensor y = in[0] * in[0], top = y[0], left = y.slice(1, 0, 1);
       top.mul_(in[1]);
       left.add_(top.sum());
       return y * top;
     }},
    {"from a plain buffer",
     [](const TensorList& in) {
       const Tensor y = zeros({3, 4}, kFloat64);
       for (int64_t i = 0; i < 3; ++i) y[i] = in[0][i] * in[1];
       return y * y;
     }},
    {"mask",
     [](const TensorList& in) {
       const Tensor y = in[0] * in[0];
       y.index_put_({in[0].detach() > 0.5}, 3);
       return y * y;
     }},
    {"masked values",
     [](const TensorList& in) {
       const Tensor y = in[0] * in[0];
       y.index_put_({tensor({{true, false, true, false}, {false, false, false, true}, {true, false, false, false}})}, in[1]);
       return y * y;
     }},
    {"rows by number",
     [](const TensorList& in) {
       const Tensor y = in[0] * in[0];
       y.index_put_({tensor({2, -3})}, in[1]);
       return y * y;
     }},
    {"neighbours",
     [](const TensorList& in) {
       const Tensor y = in[0] * in[0];
       y.index_put_({tensor({0, 2, 1, 1}), tensor({3, 0, 0, -1})}, in[1]);
       return y * y;
     }},
    {"dimensions apart",
     [](const TensorList& in) {
       const Tensor y = (in[0] * in[0]).view({3, 2, 2});
       y.index_put_({tensor({0, 2}), Slice(), tensor({1, 0})}, in[1].view({2, 2}));
       return y * y;
     }},
    {"accumulated",
     [](const TensorList& in) {
       const Tensor y = in[0] * in[0];
       y.index_put_({tensor({0, 0, 1}), tensor({1, 1, 2})}, in[1].slice(0, 0, 3), /*accumulate=*/true);
       return y * y;
     }},
    {"a view and an index",
     [](const TensorList& in) {
       const Tensor y = in[0] * in[0];
       y.index_put_({Slice(1, 3), tensor({0, 3})}, in[1].view({2, 2}));
       return y * y;
     }},
};

TEST(ViewHistory, WritesAreDifferentiated) {
  const Tensor a = leaf({3, 4}), b = leaf({4});
  for (const auto& [name, write] : kWrites) {
    SCOPED_TRACE(name);
    EXPECT_NO_THROW(gradcheck(write, {a, b}));
    EXPECT_NO_THROW(gradgradcheck(write, {a, b}));
  }
}

TEST(ViewHistory, ReadingByIndexIsDifferentiated) {
  const Tensor x = leaf({3, 4, 2});
  const std::vector<std::function<Tensor(const TensorList&)>> reads = {
      [](const TensorList& in) {
        return in[0].index({tensor({2, 0, 2})});
      },
      [](const TensorList& in) {
        return in[0].index({Slice(), tensor({{1, -1}, {0, 0}})});
      },
      [](const TensorList& in) {
        return in[0].index({tensor({0, 1}), Slice(), tensor({1, 1})});
      },
      [](const TensorList& in) {
        return in[0].index({tensor({0, 1}), tensor({{3}, {2}})});
      },
      [](const TensorList& in) { return in[0].index({in[0].detach() > 0.5}); },
      [](const TensorList& in) { return masked_select(in[0], in[0].detach() > 0.5); },
      [](const TensorList& in) {
        return in[0].index({"...", true, None, 1});
      },
  };
  for (size_t i = 0; i < reads.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_NO_THROW(gradcheck(reads[i], {x}));
    EXPECT_NO_THROW(gradgradcheck([&](const TensorList& in) { return reads[i]({in[0] * in[0]}); }, {x}));
  }
}

TEST(ViewHistory, ViewsFollowTheirBase) {
  const Tensor x = ones({3}, kFloat64).requires_grad_(), y = x * 2, first = y[0];
  y.mul_(3);
  first.backward({}, /*retain_graph=*/true);
  EXPECT_EQ(x.grad()[0].item<double>(), 6);
  const Tensor buffer = zeros({3}, kFloat64), part = buffer.slice(0, 0, 2);
  EXPECT_FALSE(part.requires_grad());
  buffer.copy_(x);
  EXPECT_TRUE(part.requires_grad());
  EXPECT_EQ(part.grad_fn()->name(), "AsStridedBackward0");
  x.mutable_grad() = Tensor();
  part.sum().backward();
  EXPECT_TRUE(equal(x.grad(), tensor({1.0, 1.0, 0.0}, kFloat64)));
}

TEST(ViewHistory, ExpandedViewsSumTheirGradient) {
  const Tensor x = ones({2, 1}, kFloat64).requires_grad_(), y = x * 2, wide = y.expand({2, 3});
  y.mul_(3);
  wide.sum().backward();
  EXPECT_TRUE(equal(x.grad(), full({2, 1}, 18.0, kFloat64)));
  EXPECT_THROW(wide.mul_(2), ValueError);
}

TEST(ViewHistory, WhatMayNotBeWritten) {
  const Tensor x = ones({2, 2}).requires_grad_();
  const std::string message = message_of<AutogradError>([&] { x[0] = 1; });
  EXPECT_NE(message.find("a view of a leaf Variable that requires grad"), std::string::npos) << message;
  const Tensor y = x * 2;
  Tensor hidden;
  {
    NoGradGuard no_grad;
    hidden = y[0];
    hidden.mul_(1);  // allowed here
  }
  EXPECT_TRUE(hidden.requires_grad());
  EXPECT_TRUE(hidden.is_leaf());
  EXPECT_NE(message_of<AutogradError>([&] { hidden.mul_(2); }).find("created in no_grad mode"), std::string::npos);
  y.mul_(2);
  EXPECT_THROW(hidden.grad_fn(), AutogradError);
}

TEST(ViewHistory, NoCycleKeepsMemoryAlive) {
  std::weak_ptr<Storage> watched;
  {
    const Tensor x = rand({2}).requires_grad_(), b = x * 2, v = b[0];
    b[1] = v * v;  // saves v, a view of b, whose history leads to b's
    watched = b.storage();
  }
  EXPECT_TRUE(watched.expired());
}

TEST(ViewHistory, ASavedViewThatIsWrittenIsNoticed) {
  const Tensor x = rand({2}).requires_grad_(), b = x * 2, v = b[0], y = v * v;
  b[1] = 7;
  EXPECT_THROW(y.backward(), AutogradError);
}

TEST(InferenceMode, TensorsMadeInItStayOutOfGraphs) {
  Tensor t;
  {
    const InferenceMode guard;
    t = ones({2});
    t.add_(1);
    EXPECT_FALSE(t[0].is_view());
  }
  EXPECT_TRUE(t.is_inference());
  EXPECT_THROW(t._version(), AutogradError);
  EXPECT_THROW(t.add_(1), AutogradError);
  EXPECT_THROW(t.requires_grad_(), AutogradError);
  EXPECT_THROW(mul(t, ones({2}).requires_grad_()), AutogradError);
  EXPECT_TRUE(add(t, ones({2}).requires_grad_()).requires_grad());
  EXPECT_FALSE(t.clone().is_inference());
}

}  // namespace
}  // namespace tessera
