// What is done to the examples of a data set on their way into a batch (datasets.h, map). Each worker of a loader has a copy, so
// a transform needs no locks for what lies in it.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "core/ops/binary.h"
#include "core/ops/creation.h"
#include "data/datasets.h"

namespace tessera::data::transforms {

// A batch into another.
template <class InputBatch, class OutputBatch> class BatchTransform {
 public:
  using InputBatchType = InputBatch;
  using OutputBatchType = OutputBatch;
  virtual ~BatchTransform() = default;
  virtual OutputBatch apply_batch(InputBatch input) = 0;
};

// An example into another.
template <class Input, class Output> class Transform : public BatchTransform<std::vector<Input>, std::vector<Output>> {
 public:
  using InputType = Input;
  using OutputType = Output;
  virtual Output apply(Input input) = 0;
  std::vector<Output> apply_batch(std::vector<Input> input) override {
    std::vector<Output> output;
    output.reserve(input.size());
    for (Input& one : input) output.push_back(apply(std::move(one)));
    return output;
  }
};

// The tensor of an example into another; the target stays.
template <class Target = Tensor> class TensorTransform : public Transform<Example<Tensor, Target>, Example<Tensor, Target>> {
 public:
  virtual Tensor operator()(Tensor input) = 0;
  Example<Tensor, Target> apply(Example<Tensor, Target> input) override {
    input.data = (*this)(std::move(input.data));
    return input;
  }
};

// A function of a batch.
template <class Input, class Output = Input> class BatchLambda : public BatchTransform<Input, Output> {
 public:
  using FunctionType = std::function<Output(Input)>;
  explicit BatchLambda(FunctionType function) : function_(std::move(function)) {}
  Output apply_batch(Input input) override { return function_(std::move(input)); }

 private:
  FunctionType function_;
};

// A function of an example.
template <class Input, class Output = Input> class Lambda : public Transform<Input, Output> {
 public:
  using FunctionType = std::function<Output(Input)>;
  explicit Lambda(FunctionType function) : function_(std::move(function)) {}
  Output apply(Input input) override { return function_(std::move(input)); }

 private:
  FunctionType function_;
};

// A function of an example's tensor.
template <class Target = Tensor> class TensorLambda : public TensorTransform<Target> {
 public:
  using FunctionType = std::function<Tensor(Tensor)>;
  explicit TensorLambda(FunctionType function) : function_(std::move(function)) {}
  Tensor operator()(Tensor input) override { return function_(std::move(input)); }

 private:
  FunctionType function_;
};

// Examples into one thing: a collation as a class to derive from, and as a function.
template <class T, class BatchType = std::vector<T>> using Collation = BatchTransform<BatchType, T>;
template <class T, class BatchType = std::vector<T>> using Collate = BatchLambda<BatchType, T>;

// (x - mean) / stddev, with one number for all channels or one a channel: x is [C, H, W], or [H, W], which becomes [1, H, W].
template <class Target = Tensor> class Normalize : public TensorTransform<Target> {
 public:
  Normalize(ArrayRef<double> mean, ArrayRef<double> stddev) : mean_(by_channel(mean)), stddev_(by_channel(stddev)) {}
  Tensor operator()(Tensor input) override { return input.sub(mean_).div(stddev_); }

 private:
  static Tensor by_channel(ArrayRef<double> values) {
    return tensor(values.vec(), kFloat32).view({static_cast<int64_t>(values.size()), 1, 1});
  }
  Tensor mean_, stddev_;
};

// Examples of equal shape into one example, along a new first dimension. Throws ShapeError for others and for none.
template <class E = Example<>> class Stack;

template <> class Stack<Example<>> : public Collation<Example<>> {
 public:
  Example<> apply_batch(std::vector<Example<>> examples) override {
    TensorList data, targets;
    for (Example<>& example : examples) {
      data.push_back(std::move(example.data));
      targets.push_back(std::move(example.target));
    }
    return {stack(data), stack(targets)};
  }
};

template <> class Stack<TensorExample> : public Collation<TensorExample> {
 public:
  TensorExample apply_batch(std::vector<TensorExample> examples) override {
    TensorList data;
    for (TensorExample& example : examples) data.push_back(std::move(example.data));
    return stack(data);
  }
};

}  // namespace tessera::data::transforms
