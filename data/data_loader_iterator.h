// The iterator of a data loader.
#pragma once

#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "core/error.h"

namespace tessera::data {

// An input iterator over batches. Copies share their place. The first batch is asked for when it is first looked at; moving on
// asks for the next one. What the loader throws comes out there, and looking again asks for the batch after it. Throws ValueError
// for use past the end.
template <class Batch> class Iterator {
 public:
  using difference_type = std::ptrdiff_t;
  using value_type = Batch;
  using pointer = Batch*;
  using reference = Batch&;
  using iterator_category = std::input_iterator_tag;

  Iterator() = default;  // the end
  explicit Iterator(std::function<std::optional<Batch>()> next) : state_(std::make_shared<State>(std::move(next))) {}

  Batch& operator*() const {
    check<ValueError>(state_ != nullptr, "Dereferencing the DataLoader's past-the-end iterator is not allowed");
    check<ValueError>(!state_->at_end(), "Attempted to dereference iterator that was past the end");
    return *state_->batch;
  }
  Batch* operator->() const { return &**this; }
  Iterator& operator++() {
    check<ValueError>(state_ != nullptr, "Incrementing the DataLoader's past-the-end iterator is not allowed");
    check<ValueError>(!state_->at_end(), "Attempted to increment iterator past the end");
    state_->batch.reset();  // before the next one is made
    state_->known = false;
    state_->at_end();
    return *this;
  }

  // Two are equal if they share their place, or if both are at the end.
  friend bool operator==(const Iterator& a, const Iterator& b) {
    if (a.state_ == b.state_) return true;
    if (a.state_ != nullptr && b.state_ != nullptr) return false;
    return (a.state_ != nullptr ? a : b).state_->at_end();
  }

 private:
  struct State {
    explicit State(std::function<std::optional<Batch>()> next) : next(std::move(next)) {}
    bool at_end() {
      if (!known) batch = next();
      known = true;
      return !batch.has_value();
    }
    std::function<std::optional<Batch>()> next;
    std::optional<Batch> batch;
    bool known = false;  // the batch, or that there is none
  };
  std::shared_ptr<State> state_;
};

}  // namespace tessera::data
