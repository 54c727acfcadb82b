#include <cstring>

#include "core/ops.h"
#include "nn/serialize/weights.h"
#include "tests/support/numbers.h"
#include "tests/tools/run_command.h"

namespace tessera::tools {
namespace {

using testing_support::numbers;

class Convert : public CommandTest {
 protected:
  void SetUp() override {
    weights_.tensors = {{"w", arange(6).to(kFloat).reshape({2, 3})}, {"n", full({}, 3, kInt64)}};
    weights_.metadata = {{"note", "kept"}};
    save_weights(folder("in.safetensors"), weights_);
  }
  Weights weights_;
};

TEST_F(Convert, ThereAndBack) {
  EXPECT_EQ(tessera("convert in.safetensors a.pth").code, 0);
  const Result back = tessera("convert a.pth b.safetensors");
  EXPECT_EQ(back.code, 0) << back.err;
  EXPECT_NE(back.out.find("b.safetensors: 2 tensors"), std::string::npos) << back.out;
  EXPECT_EQ(tessera("convert in.safetensors c.safetensors").code, 0);
  const Weights a = load_weights(folder("a.pth")), b = load_weights(folder("b.safetensors")),
                c = load_weights(folder("c.safetensors"));
  EXPECT_EQ(a.format, "PyTorch");
  EXPECT_EQ(c.metadata.at("note"), "kept");
  for (const Weights* w : {&a, &b, &c}) {
    ASSERT_EQ(w->tensors.size(), 2u);
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(w->tensors[i].first, weights_.tensors[i].first);
      EXPECT_EQ(w->tensors[i].second.dtype(), weights_.tensors[i].second.dtype());
      EXPECT_EQ(numbers(w->tensors[i].second), numbers(weights_.tensors[i].second));
    }
  }
}

TEST_F(Convert, AnotherDtype) {
  EXPECT_EQ(tessera("convert in.safetensors half.pth --dtype float16").code, 0);
  const Weights half = load_weights(folder("half.pth"));
  EXPECT_EQ(half.tensors[0].second.dtype(), kFloat16);
  EXPECT_EQ(half.tensors[1].second.dtype(), kInt64) << "a counter stays one";
  weights_.tensors = {{"w", full({2}, 1e6)}};
  save_weights(folder("large.safetensors"), weights_);
  expect_error(tessera("convert large.safetensors half.pth --dtype float16"), 1, {"w", "too large for float16", "bfloat16"});
  EXPECT_EQ(tessera("convert large.safetensors half.pth --dtype bfloat16").code, 0);
}

TEST_F(Convert, ARunsCheckpointForPyTorch) {
  ASSERT_EQ(tessera(kTiny + "-e 1 -o run").code, 0);
  const Result run = tessera("convert run/best.safetensors model.pth");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.out.find("left out: optimizer ("), std::string::npos) << run.out;
  for (const auto& [name, tensor] : load_weights(folder("model.pth")).tensors)
    EXPECT_FALSE(name.starts_with("optimizer.")) << name;
  // And a run can start from it.
  const Result next = tessera(kTiny + "-e 1 -o next --weights model.pth");
  EXPECT_EQ(next.code, 0) << next.err;
  EXPECT_NE(next.out.find("weights from model.pth: all "), std::string::npos) << next.out;
}

TEST_F(Convert, Errors) {
  expect_error(tessera("convert in.safetensors"), 2, {"output"});
  expect_error(tessera("convert in.safetensors out.txt"), 2, {"out.txt", ".safetensors"});
  expect_error(tessera("convert in.safetensors out.pth --dtype int8"), 2, {"int8"});
  expect_error(tessera("convert in.safetensors out.npy"), 1, {"out.npy", "one tensor"});
  expect_error(tessera("convert none.pth out.pth"), 1, {"none.pth"});
  expect_error(tessera("convert in.safetensors none/out.pth"), 1, {"none/out.pth", "Make its folder first"});
}

}  // namespace
}  // namespace tessera::tools
