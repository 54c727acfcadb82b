// Python pickles, as far as PyTorch's weight files need them. Nothing in a pickle is run.
//
// A pickle is a program for a small stack machine: push a number, gather a list, call a function with these arguments. Python's
// own reader calls whatever function the file names, and so runs whatever its author liked. This reader knows the few names below
// and what they would return; at any other name it stops with FileError, which says the name.
//
//   containers   list, tuple, dict, set, frozenset; collections.OrderedDict and defaultdict (as Dict), torch.Size (as Tuple)
//   values       None, bool, integers of 64 bits, float, str, bytes; torch.device (as String); NumPy scalars of 1, 4 and 8 bytes
//   tensors      torch._utils._rebuild_tensor, _rebuild_tensor_v2, _rebuild_parameter, torch.nn.parameter.Parameter;
//                storages of the dtypes that Tessera has
//
// Opcodes: those of protocols 2 to 4. Source: CPython's Lib/pickletools.py; torch/_utils.py and torch/serialization.py for the
// names.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/array_ref.h"

namespace tessera {

// Where a tensor's elements lie: in PyTorch's file under `key`, `numel` of them. A storage may be a part of that: [offset, offset
// + size).
struct PickleStorage {
  std::string key;
  ScalarType dtype = kFloat32;
  int64_t numel = 0, offset = 0, size = 0;
};

// Element [i, j, ...] is number offset + i * strides[0] + j * strides[1] + ... of the storage. All of them lie in it, and they
// are no more than it holds: an expanded tensor is refused, because any size could be claimed for it.
struct PickleTensor {
  const PickleStorage* storage = nullptr;  // null: a Parameter that was made and never filled
  int64_t offset = 0;
  DimVector sizes, strides;
};

// Throws ValueError unless the tensor lies in its storage, as above.
PickleTensor checked_tensor(const PickleStorage& storage, int64_t offset, const DimVector& sizes, const DimVector& strides);

struct PickleGlobal;

enum class PickleKind : uint8_t { None, Bool, Int, Float, String, Bytes, List, Tuple, Dict, Set, Global, Storage, Tensor };
const char* to_string(PickleKind kind);

// A value of a pickle: a number, or a handle to what the PickleDocument holds, and valid as long as that. Values that the pickle
// shares are shared, so that a list can contain itself: whoever walks through a document must bound the depth. Asking for what a
// value is not throws ValueError.
class PickleValue {
 public:
  PickleValue() = default;
  explicit PickleValue(bool value) : kind_(PickleKind::Bool), integer_(value) {}
  explicit PickleValue(int64_t value) : kind_(PickleKind::Int), integer_(value) {}
  explicit PickleValue(double value) : kind_(PickleKind::Float), real_(value) {}
  PickleValue(PickleKind kind, const std::string* text) : kind_(kind), text_(text) {}
  PickleValue(PickleKind kind, std::vector<PickleValue>* items) : kind_(kind), items_(items) {}
  explicit PickleValue(const PickleGlobal* global) : kind_(PickleKind::Global), global_(global) {}
  explicit PickleValue(const PickleStorage* storage) : kind_(PickleKind::Storage), storage_(storage) {}
  explicit PickleValue(PickleTensor* tensor) : kind_(PickleKind::Tensor), tensor_(tensor) {}

  PickleKind kind() const { return kind_; }
  bool is(PickleKind kind) const { return kind_ == kind; }

  bool boolean() const { return expect(PickleKind::Bool), integer_ != 0; }
  int64_t integer() const { return expect(PickleKind::Int), integer_; }
  double real() const { return expect(PickleKind::Float), real_; }
  const std::string& text() const;          // String or Bytes
  std::vector<PickleValue>& items() const;  // List, Tuple, Set; of a Dict: key, value, key, value, ...
  const PickleValue* find(
      std::string_view key) const;  // Dict: the value under this string, null if none; the last one if several
  const PickleGlobal& global() const { return expect(PickleKind::Global), *global_; }
  const PickleStorage& storage() const { return expect(PickleKind::Storage), *storage_; }
  PickleTensor& tensor() const { return expect(PickleKind::Tensor), *tensor_; }

  // A number, text or None as a line for people to read: True, 3, 0.25, cuda:0. Empty for all else.
  std::string scalar_text() const;

 private:
  void expect(PickleKind kind) const;
  PickleKind kind_ = PickleKind::None;
  union {
    int64_t integer_ = 0;
    double real_;
    const std::string* text_;
    std::vector<PickleValue>* items_;
    const PickleGlobal* global_;
    const PickleStorage* storage_;
    PickleTensor* tensor_;
  };
};

// One pickle, taken apart. It owns everything in flat lists: freeing it never recurses, however deep its values nest.
struct PickleDocument {
  PickleValue root;
  std::deque<std::string> texts;
  std::deque<std::vector<PickleValue>> containers;
  std::deque<PickleStorage> storages;  // each key once, or once for each part of it
  std::deque<PickleTensor> tensors;

  PickleDocument() = default;
  PickleDocument(PickleDocument&&) = default;  // the elements stay where they are
  PickleDocument(const PickleDocument&) = delete;
};

// The tensors that a pickle names by a number, which stands here in decimal: in files of before 0.1.10.
using NumberedTensors = std::unordered_map<std::string, PickleTensor>;

// Reads one pickle from the front of `bytes`, which then begins after it. `name` stands for the file in messages. Memory grows
// with the bytes read, at most some 100 for each, and no pickle of more than 2^21 steps is read. Throws FileError.
PickleDocument read_pickle(std::span<const uint8_t>& bytes, const std::string& name, const NumberedTensors& numbered = {});

// Well-formed UTF-8, surrogates excluded.
bool is_utf8(std::string_view text);

// Text of a file as it may appear in a message: control characters as ?, at most `limit` bytes.
std::string printable(std::string_view text, size_t limit = 120);

}  // namespace tessera
