// Samplers: which examples the next batch has.
//
//     samplers::RandomSampler sampler(dataset.size().value());
//     while (const std::optional<std::vector<size_t>> indices = sampler.next(batch_size)) ...
//     sampler.reset();                                                           // the next epoch
//
// A sampler saved in the middle of an epoch and loaded goes on with the same indices.
#pragma once

#include <optional>
#include <vector>

#include "core/archive.h"
#include "data/order.h"

namespace tessera::data::samplers {

// What a sampler may hand to a BatchDataset in place of indices: anything that knows its size.
struct CustomBatchRequest {
  virtual ~CustomBatchRequest() = default;
  virtual size_t size() const = 0;
};

template <class BatchRequest = std::vector<size_t>> class Sampler {
 public:
  using BatchRequestType = BatchRequest;
  virtual ~Sampler() = default;
  // Begins anew, over another number of examples if one is given.
  virtual void reset(std::optional<size_t> new_size = {}) = 0;
  // The next request, of `batch_size` examples or, at the end, of those that are left; nothing when none is.
  virtual std::optional<BatchRequest> next(size_t batch_size) = 0;
  virtual void save(serialize::OutputArchive& archive) const = 0;
  virtual void load(serialize::InputArchive& archive) = 0;
};

// What the samplers of indices below share: an order, and how far they are in it. The order follows from the size and two
// numbers, `key`, so that these and the index are the whole state, saved as one int64 tensor "state".
class IndexSampler : public Sampler<> {
 public:
  std::optional<std::vector<size_t>> next(size_t batch_size) override;
  void save(serialize::OutputArchive& archive) const override;
  // Throws ValueError for a state that is damaged or of a sampler over another number of examples.
  void load(serialize::InputArchive& archive) override;
  size_t index() const { return index_; }  // indices handed out since the reset

 protected:
  struct Key {
    uint64_t seed = 0, number = 0;
  };
  virtual std::vector<int64_t> order(int64_t size, const Key& key) const = 0;
  void begin(size_t size, const Key& key);
  size_t size() const { return size_; }
  const Key& key() const { return key_; }
  // A key that no other draw has, from the default generator: manual_seed decides all orders.
  static Key draw_key();

 private:
  size_t size_ = 0, index_ = 0;
  Key key_;
  std::vector<int64_t> order_;
};

// 0, 1, ..., size - 1.
class SequentialSampler : public IndexSampler {
 public:
  explicit SequentialSampler(size_t size) { begin(size, {}); }
  void reset(std::optional<size_t> new_size = {}) override { begin(new_size.value_or(size()), {}); }

 protected:
  std::vector<int64_t> order(int64_t size, const Key& key) const override;
};

// A permutation of 0 .. size - 1, another one after each reset.
class RandomSampler : public IndexSampler {
 public:
  explicit RandomSampler(size_t size) { begin(size, draw_key()); }
  void reset(std::optional<size_t> new_size = {}) override { begin(new_size.value_or(size()), draw_key()); }

 protected:
  std::vector<int64_t> order(int64_t size, const Key& key) const override;
};

// `num_samples` draws from the indices of `weights` (weighted_order), others after each reset.
class WeightedRandomSampler : public IndexSampler {
 public:
  WeightedRandomSampler(std::vector<double> weights, size_t num_samples, bool replacement = true);
  // Throws ValueError for a new size that is not the number of weights.
  void reset(std::optional<size_t> new_size = {}) override;

 protected:
  std::vector<int64_t> order(int64_t size, const Key& key) const override;

 private:
  std::vector<double> weights_;
  size_t num_samples_;
  bool replacement_;
};

// The share of one process of an order over 0 .. size - 1 that all processes agree on: as many indices in each. With
// `allow_duplicates` the first indices occur twice where the size does not divide; without, the last ones are left out.
class DistributedSampler : public IndexSampler {
 public:
  // The number that the order depends on, equal in all processes; takes effect with the next reset.
  void set_epoch(size_t epoch) { epoch_ = epoch; }
  size_t epoch() const { return epoch_; }
  void reset(std::optional<size_t> new_size = {}) override { begin(new_size.value_or(size()), {0, epoch_}); }
  void save(serialize::OutputArchive& archive) const override;  // the epoch too
  void load(serialize::InputArchive& archive) override;

 protected:
  // Throws ValueError unless rank < num_replicas.
  DistributedSampler(size_t num_replicas, size_t rank, bool allow_duplicates);
  size_t num_replicas_, rank_;
  bool allow_duplicates_;

 private:
  size_t epoch_ = 0;
};

// Shuffled by the epoch's number, the same in all processes.
class DistributedRandomSampler : public DistributedSampler {
 public:
  explicit DistributedRandomSampler(size_t size, size_t num_replicas = 1, size_t rank = 0, bool allow_duplicates = true)
      : DistributedSampler(num_replicas, rank, allow_duplicates) {
    begin(size, {});
  }

 protected:
  std::vector<int64_t> order(int64_t size, const Key& key) const override;
};

// In runs: process 0 has the first indices.
class DistributedSequentialSampler : public DistributedSampler {
 public:
  explicit DistributedSequentialSampler(size_t size, size_t num_replicas = 1, size_t rank = 0, bool allow_duplicates = true)
      : DistributedSampler(num_replicas, rank, allow_duplicates) {
    begin(size, {});
  }

 protected:
  std::vector<int64_t> order(int64_t size, const Key& key) const override;
};

}  // namespace tessera::data::samplers
