// A cache of decoded samples: decoding a JPEG takes longer than copying its pixels.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "data/dataset.h"

namespace tessera::data {

// Samples by number, of at most `capacity` bytes together; those that were not asked for longest make room. May be used from
// several threads at once; if two miss the same sample at the same time, both load it.
class DecodeCache {
 public:
  explicit DecodeCache(size_t capacity) : capacity_(capacity) {}

  // The sample of this number: the kept one, or what load() returns. A sample larger than the capacity is not kept; what load()
  // throws goes through, and nothing is kept.
  Sample get(int64_t number, const std::function<Sample()>& load);

  struct Counts {
    int64_t hits = 0, misses = 0, evictions = 0;
    int64_t samples = 0;  // kept now
    size_t bytes = 0;     // that they take
  };
  Counts counts() const;
  size_t capacity() const { return capacity_; }

  // What a sample counts as: its pixels, ids and name, and the cache's own entry.
  static size_t bytes_of(const Sample& sample);

 private:
  struct Entry {
    int64_t number;
    std::shared_ptr<const Sample> sample;  // copied outside the lock
  };
  std::shared_ptr<const Sample> find(int64_t number);
  void keep(int64_t number, const Sample& sample);

  const size_t capacity_;
  mutable std::mutex mutex_;  // guards the rest
  std::list<Entry> by_use_;   // last used first
  std::unordered_map<int64_t, std::list<Entry>::iterator> by_number_;
  Counts counts_;
};

// A data set whose samples, as stored, are kept in a cache once read. The transform is this data set's own.
class CachedDataset : public Dataset {
 public:
  CachedDataset(std::shared_ptr<const Dataset> dataset, size_t capacity) : dataset_(std::move(dataset)), cache_(capacity) {
    classes_ = dataset_->classes();
  }
  int64_t size() const override { return dataset_->size(); }
  Sample read(int64_t index) const override {
    return cache_.get(index, [&] { return dataset_->read(index); });
  }
  DecodeCache::Counts counts() const { return cache_.counts(); }

 private:
  std::shared_ptr<const Dataset> dataset_;
  mutable DecodeCache cache_;
};

}  // namespace tessera::data
