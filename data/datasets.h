// Data sets of any kind of example, and what maps one to another: the shape of libtorch's torch::data::datasets. Pictures with
// label maps have a data set and a loader of their own, dataset.h and loader.h.
//
//     struct Squares : datasets::Dataset<Squares> {
//       Example<> get(size_t index) override { return {tensor(double(index)), tensor(double(index * index))}; }
//       std::optional<size_t> size() const override { return 100; }
//     };
//     auto data = Squares().map(transforms::Stack<>());  // batches of two tensors; make_data_loader (data_loader.h) makes them
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/ops/concat.h"
#include "core/array_ref.h"

namespace tessera {

using std::nullopt;
using std::optional;

namespace data {

namespace example {
struct NoTarget {};
}  // namespace example

// An input and what belongs to it.
template <class Data = Tensor, class Target = Tensor> struct Example {
  using DataType = Data;
  using TargetType = Target;
  Example() = default;
  Example(Data data, Target target) : data(std::move(data)), target(std::move(target)) {}
  Data data;
  Target target;
};

// An input alone; it stands for itself.
template <class Data> struct Example<Data, example::NoTarget> {
  using DataType = Data;
  using TargetType = example::NoTarget;
  Example() = default;
  Example(Data data) : data(std::move(data)) {}  // NOLINT: implicit by design
  operator Data&() { return data; }              // NOLINT
  operator const Data&() const { return data; }  // NOLINT
  Data data;
};
using TensorExample = Example<Tensor, example::NoTarget>;

namespace datasets {

template <class Source, class Transform> class MapDataset;

// A data set that is read by the batch. `Self` is the derived class.
// A loader with workers gives each of them a copy of the data set, so get_batch needs no locks for what lies in it.
template <class Self, class Batch = std::vector<Example<>>, class BatchRequest = ArrayRef<size_t>> class BatchDataset {
 public:
  using SelfType = Self;
  using BatchType = Batch;
  using BatchRequestType = BatchRequest;
  static constexpr bool is_stateful = false;
  virtual ~BatchDataset() = default;

  virtual Batch get_batch(BatchRequest request) = 0;
  virtual std::optional<size_t> size() const = 0;  // nothing if it is not known

  // This data set with each batch given to transform.apply_batch (transforms in example_transforms.h). Copies the data set, or
  // moves it if it is a temporary.
  template <class Transform> MapDataset<Self, Transform> map(Transform transform) & {
    return {static_cast<Self&>(*this), std::move(transform)};
  }
  template <class Transform> MapDataset<Self, Transform> map(Transform transform) && {
    return {std::move(static_cast<Self&>(*this)), std::move(transform)};
  }
};

// A data set that is read by the example.
template <class Self, class SingleExample = Example<>> class Dataset : public BatchDataset<Self, std::vector<SingleExample>> {
 public:
  using ExampleType = SingleExample;
  virtual SingleExample get(size_t index) = 0;
  std::vector<SingleExample> get_batch(ArrayRef<size_t> indices) override {
    std::vector<SingleExample> batch;
    batch.reserve(indices.size());
    for (const size_t index : indices) batch.push_back(get(index));
    return batch;
  }
};

template <class Source, class Transform> class MapDataset
    : public BatchDataset<MapDataset<Source, Transform>, typename Transform::OutputBatchType, typename Source::BatchRequestType> {
 public:
  using DatasetType = Source;
  using TransformType = Transform;
  MapDataset(Source dataset, Transform transform) : dataset_(std::move(dataset)), transform_(std::move(transform)) {}
  typename Transform::OutputBatchType get_batch(typename Source::BatchRequestType request) override {
    return transform_.apply_batch(dataset_.get_batch(std::move(request)));
  }
  std::optional<size_t> size() const override { return dataset_.size(); }
  const Source& dataset() const { return dataset_; }
  const Transform& transform() const { return transform_; }

 private:
  Source dataset_;
  Transform transform_;
};

// One data set that all copies share, for those that cannot be copied or are large: make_shared_dataset<Underlying>(arguments).
// With workers, its get_batch is called from several threads at once.
template <class Underlying> class SharedBatchDataset
    : public BatchDataset<SharedBatchDataset<Underlying>, typename Underlying::BatchType, typename Underlying::BatchRequestType> {
 public:
  explicit SharedBatchDataset(std::shared_ptr<Underlying> dataset) : dataset_(std::move(dataset)) {}
  typename Underlying::BatchType get_batch(typename Underlying::BatchRequestType request) override {
    return dataset_->get_batch(std::move(request));
  }
  std::optional<size_t> size() const override { return dataset_->size(); }
  Underlying& operator*() const { return *dataset_; }
  Underlying* operator->() const { return dataset_.get(); }

 private:
  std::shared_ptr<Underlying> dataset_;
};
template <class Underlying, class... Args> SharedBatchDataset<Underlying> make_shared_dataset(Args&&... args) {
  return SharedBatchDataset<Underlying>(std::make_shared<Underlying>(std::forward<Args>(args)...));
}

// The slices of a tensor along its first dimension.
class TensorDataset : public Dataset<TensorDataset, TensorExample> {
 public:
  // Of several tensors of one shape, those; throws ShapeError for others.
  explicit TensorDataset(const std::vector<Tensor>& tensors) : TensorDataset(stack(tensors)) {}
  explicit TensorDataset(Tensor tensor) : tensor(std::move(tensor)) {}
  TensorExample get(size_t index) override { return tensor[static_cast<int64_t>(index)]; }
  std::optional<size_t> size() const override { return static_cast<size_t>(tensor.size(0)); }
  Tensor tensor;
};

}  // namespace datasets
}  // namespace data
}  // namespace tessera
