#include "data/samplers.h"

#include <algorithm>

#include "core/ops/creation.h"
#include "core/random.h"

namespace tessera::data::samplers {
namespace {

// The elements of an int64 tensor of one dimension.
std::vector<int64_t> read_numbers(const serialize::InputArchive& archive, const char* name, size_t count) {
  Tensor tensor;
  archive.read(name, tensor);
  check<ValueError>(tensor.dtype() == kInt64 && tensor.dim() == 1 && tensor.size(0) == static_cast<int64_t>(count),
                    "load: \"{}\" is no state of a sampler", name);
  const Tensor dense = tensor.cpu().contiguous();
  return {dense.data_ptr<int64_t>(), dense.data_ptr<int64_t>() + count};
}

}  // namespace

std::optional<std::vector<size_t>> IndexSampler::next(size_t batch_size) {
  check<ValueError>(batch_size >= 1, "Sampler: batch size {}. It must be at least 1.", batch_size);
  if (index_ == order_.size()) return std::nullopt;
  const auto first = order_.begin() + static_cast<std::ptrdiff_t>(index_);
  const size_t count = std::min(batch_size, order_.size() - index_);
  index_ += count;
  return std::vector<size_t>(first, first + static_cast<std::ptrdiff_t>(count));
}

void IndexSampler::begin(size_t size, const Key& key) {
  order_ = order(static_cast<int64_t>(size), key);
  size_ = size;
  key_ = key;
  index_ = 0;
}

IndexSampler::Key IndexSampler::draw_key() {
  Generator& generator = default_generator();
  return {generator.seed(), generator.next_offset()};
}

void IndexSampler::save(serialize::OutputArchive& archive) const {
  archive.write("state", tensor(std::vector<int64_t>{static_cast<int64_t>(size_), static_cast<int64_t>(index_),
                                                     static_cast<int64_t>(key_.seed), static_cast<int64_t>(key_.number)}));
}

void IndexSampler::load(serialize::InputArchive& archive) {
  const std::vector<int64_t> state = read_numbers(archive, "state", 4);
  check<ValueError>(state[0] == static_cast<int64_t>(size_), "load: the state of a sampler over {} examples, this one has {}",
                    state[0], size_);
  begin(size_, {static_cast<uint64_t>(state[2]), static_cast<uint64_t>(state[3])});
  check<ValueError>(state[1] >= 0 && state[1] <= static_cast<int64_t>(order_.size()), "load: index {} of {} indices", state[1],
                    order_.size());
  index_ = static_cast<size_t>(state[1]);
}

std::vector<int64_t> SequentialSampler::order(int64_t size, const Key&) const { return sequential_order(size); }

std::vector<int64_t> RandomSampler::order(int64_t size, const Key& key) const {
  return shuffled_order(size, RandomStream{key.seed, key.number});
}

WeightedRandomSampler::WeightedRandomSampler(std::vector<double> weights, size_t num_samples, bool replacement)
    : weights_(std::move(weights)), num_samples_(num_samples), replacement_(replacement) {
  begin(weights_.size(), draw_key());
}

void WeightedRandomSampler::reset(std::optional<size_t> new_size) {
  check<ValueError>(new_size.value_or(weights_.size()) == weights_.size(),
                    "WeightedRandomSampler: {} examples for {} weights. Make a sampler with as many weights.", *new_size,
                    weights_.size());
  begin(weights_.size(), draw_key());
}

std::vector<int64_t> WeightedRandomSampler::order(int64_t, const Key& key) const {
  return weighted_order(weights_, static_cast<int64_t>(num_samples_), replacement_, RandomStream{key.seed, key.number});
}

DistributedSampler::DistributedSampler(size_t num_replicas, size_t rank, bool allow_duplicates)
    : num_replicas_(num_replicas), rank_(rank), allow_duplicates_(allow_duplicates) {
  check<ValueError>(rank < num_replicas, "DistributedSampler: rank {} of {} replicas", rank, num_replicas);
}

void DistributedSampler::save(serialize::OutputArchive& archive) const {
  IndexSampler::save(archive);
  archive.write("epoch", tensor(std::vector<int64_t>{static_cast<int64_t>(epoch_)}));
}

void DistributedSampler::load(serialize::InputArchive& archive) {
  IndexSampler::load(archive);
  epoch_ = static_cast<size_t>(read_numbers(archive, "epoch", 1)[0]);
}

std::vector<int64_t> DistributedRandomSampler::order(int64_t size, const Key& key) const {
  const int64_t replicas = static_cast<int64_t>(num_replicas_);
  const int64_t total = (allow_duplicates_ ? (size + replicas - 1) / replicas : size / replicas) * replicas;
  std::vector<int64_t> order = shuffled_order(total, RandomStream{key.seed, key.number});
  for (int64_t& index : order) index %= size;  // those beyond the size stand for the first ones again
  return share_of_rank(order, replicas, static_cast<int64_t>(rank_), allow_duplicates_);
}

std::vector<int64_t> DistributedSequentialSampler::order(int64_t size, const Key&) const {
  return share_of_rank(sequential_order(size), static_cast<int64_t>(num_replicas_), static_cast<int64_t>(rank_),
                       allow_duplicates_);
}

}  // namespace tessera::data::samplers
