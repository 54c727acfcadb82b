#include "data/decode_cache.h"

#include <utility>

namespace tessera::data {

size_t DecodeCache::bytes_of(const Sample& sample) {
  constexpr size_t kEntry = 128;  // list and map nodes, counters, rounded up
  return sizeof(Sample) + sample.image.pixels.size() + sample.label.ids.size() * sizeof(sample.label.ids[0]) +
         sample.name.size() + kEntry;
}

Sample DecodeCache::get(int64_t number, const std::function<Sample()>& load) {
  if (const std::shared_ptr<const Sample> kept = find(number)) return *kept;
  Sample sample = load();
  keep(number, sample);
  return sample;
}

DecodeCache::Counts DecodeCache::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::shared_ptr<const Sample> DecodeCache::find(int64_t number) {
  const std::lock_guard lock(mutex_);
  const auto it = by_number_.find(number);
  if (it == by_number_.end()) {
    ++counts_.misses;
    return nullptr;
  }
  ++counts_.hits;
  by_use_.splice(by_use_.begin(), by_use_, it->second);
  return it->second->sample;
}

void DecodeCache::keep(int64_t number, const Sample& sample) {
  const size_t bytes = bytes_of(sample);
  if (bytes > capacity_) return;
  auto copy = std::make_shared<const Sample>(sample);
  const std::lock_guard lock(mutex_);
  if (by_number_.contains(number)) return;  // another thread was faster
  while (counts_.bytes + bytes > capacity_) {
    const Entry& oldest = by_use_.back();
    counts_.bytes -= bytes_of(*oldest.sample);
    --counts_.samples;
    ++counts_.evictions;
    by_number_.erase(oldest.number);
    by_use_.pop_back();
  }
  by_use_.push_front({number, std::move(copy)});
  by_number_.emplace(number, by_use_.begin());
  counts_.bytes += bytes;
  ++counts_.samples;
}

}  // namespace tessera::data
