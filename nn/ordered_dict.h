// A map that keeps the order of insertion: of the parameters, buffers and children of a module.
#pragma once

#include <initializer_list>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/error.h"

namespace tessera {

template <class Key, class Value> class OrderedDict {
 public:
  class Item {
   public:
    Item(Key key, Value value) : pair_(std::move(key), std::move(value)) {}
    const Key& key() const { return pair_.first; }
    Value& value() { return pair_.second; }
    const Value& value() const { return pair_.second; }
    Value& operator*() { return value(); }
    const Value& operator*() const { return value(); }
    Value* operator->() { return &value(); }
    const Value* operator->() const { return &value(); }
    const std::pair<Key, Value>& pair() const { return pair_; }

   private:
    std::pair<Key, Value> pair_;
  };
  using iterator = typename std::vector<Item>::iterator;
  using const_iterator = typename std::vector<Item>::const_iterator;

  OrderedDict() = default;
  explicit OrderedDict(std::string key_description) : key_description_(std::move(key_description)) {}  // what messages call an entry
  OrderedDict(std::initializer_list<Item> items) {
    for (const Item& item : items) insert(item.key(), item.value());
  }

  const std::string& key_description() const { return key_description_; }
  size_t size() const { return items_.size(); }
  bool is_empty() const { return items_.empty(); }
  bool contains(const Key& key) const { return index_.contains(key); }
  iterator begin() { return items_.begin(); }
  iterator end() { return items_.end(); }
  const_iterator begin() const { return items_.begin(); }
  const_iterator end() const { return items_.end(); }
  const std::vector<Item>& items() const { return items_; }
  // The first and the last item; ValueError if there is none.
  Item& front() { return items_[nonempty("front", 0)]; }
  const Item& front() const { return items_[nonempty("front", 0)]; }
  Item& back() { return items_[nonempty("back", size() - 1)]; }
  const Item& back() const { return items_[nonempty("back", size() - 1)]; }
  Item& operator[](size_t index) { return items_.at(index); }
  const Item& operator[](size_t index) const { return items_.at(index); }
  // Throw ValueError where the key is absent.
  Value& operator[](const Key& key) { return items_[position(key)].value(); }
  const Value& operator[](const Key& key) const { return items_[position(key)].value(); }
  Value* find(const Key& key) { return contains(key) ? &items_[index_.at(key)].value() : nullptr; }
  const Value* find(const Key& key) const { return contains(key) ? &items_[index_.at(key)].value() : nullptr; }

  std::vector<Key> keys() const {
    std::vector<Key> keys;
    for (const Item& item : items_) keys.push_back(item.key());
    return keys;
  }
  std::vector<Value> values() const {
    std::vector<Value> values;
    for (const Item& item : items_) values.push_back(item.value());
    return values;
  }
  std::vector<std::pair<Key, Value>> pairs() const {
    std::vector<std::pair<Key, Value>> pairs;
    for (const Item& item : items_) pairs.push_back(item.pair());
    return pairs;
  }

  // Throws ValueError where the key exists already.
  Value& insert(Key key, Value value) {
    check<ValueError>(!contains(key), "{} \"{}\" is defined already", key_description_, key);
    index_.emplace(key, items_.size());
    return items_.emplace_back(std::move(key), std::move(value)).value();
  }
  void update(const OrderedDict& other) {
    for (const Item& item : other) insert(item.key(), item.value());
  }
  void erase(const Key& key) {
    const size_t at = position(key);
    items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(at));
    index_.erase(key);
    for (auto& [name, i] : index_)
      if (i > at) --i;
  }
  void clear() {
    items_.clear();
    index_.clear();
  }

 private:
  size_t nonempty(const char* name, size_t index) const {
    check<ValueError>(!is_empty(), "OrderedDict: {}() of an empty one", name);
    return index;
  }
  size_t position(const Key& key) const {
    const auto it = index_.find(key);
    check<ValueError>(it != index_.end(), "{} \"{}\" is not defined", key_description_, key);
    return it->second;
  }

  std::string key_description_ = "Key";
  std::vector<Item> items_;
  std::unordered_map<Key, size_t> index_;
};

}  // namespace tessera
