#include "nn/serialize/pickle_globals.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace tessera {
namespace {

using Call = PickleGlobal::Call;
using Values = std::vector<PickleValue>;

const PickleGlobal kGlobals[] = {
    {"collections.OrderedDict", Call::Dict},
    {"collections.defaultdict", Call::DefaultDict},
    {"builtins.set", Call::Set},
    {"__builtin__.set", Call::Set},
    {"builtins.frozenset", Call::Set},
    {"__builtin__.frozenset", Call::Set},
    {"builtins.list"},
    {"__builtin__.list"},
    {"builtins.dict"},
    {"__builtin__.dict"},
    {"builtins.tuple"},
    {"__builtin__.tuple"},
    {"builtins.int"},
    {"__builtin__.int"},
    {"builtins.float"},
    {"__builtin__.float"},
    {"builtins.bool"},
    {"__builtin__.bool"},
    {"builtins.str"},
    {"__builtin__.str"},
    {"builtins.bytes"},
    {"torch.float64"},
    {"torch.float32"},
    {"torch.float16"},
    {"torch.bfloat16"},
    {"torch.int64"},
    {"torch.int32"},
    {"torch.int16"},
    {"torch.int8"},
    {"torch.uint8"},
    {"torch.bool"},
    {"torch.Size", Call::Size},
    {"torch.device", Call::Device},
    {"torch.DoubleTensor"},
    {"torch.FloatTensor"},
    {"torch.HalfTensor"},
    {"torch.LongTensor"},
    {"torch.IntTensor"},
    {"torch.ByteTensor"},
    {"torch.nn.parameter.Parameter", Call::Parameter},
    {"torch._utils._rebuild_tensor", Call::RebuildTensor},
    {"torch._utils._rebuild_tensor_v2", Call::RebuildTensor},
    {"torch._utils._rebuild_parameter", Call::RebuildParameter},
    {"torch.DoubleStorage", Call::Storage, kFloat64},
    {"torch.FloatStorage", Call::Storage, kFloat32},
    {"torch.HalfStorage", Call::Storage, kFloat16},
    {"torch.BFloat16Storage", Call::Storage, kBFloat16},
    {"torch.LongStorage", Call::Storage, kInt64},
    {"torch.IntStorage", Call::Storage, kInt32},
    {"torch.ShortStorage", Call::Storage, kInt16},
    {"torch.CharStorage", Call::Storage, kInt8},
    {"torch.ByteStorage", Call::Storage, kUInt8},
    {"torch.BoolStorage", Call::Storage, kBool},
    {"_codecs.encode", Call::Encode},
    {"numpy.dtype", Call::NumpyDtype},
    {"numpy.core.multiarray.scalar", Call::NumpyScalar},
    {"numpy._core.multiarray.scalar", Call::NumpyScalar},
};

DimVector dims(const PickleValue& tuple) {
  DimVector result;
  check<ValueError>(tuple.items().size() <= kMaxDims, "a tensor of {} dimensions; Tessera's have at most {}",
                    tuple.items().size(), kMaxDims);
  for (const PickleValue& item : tuple.items()) result.push_back(item.integer());
  return result;
}

// (storage, offset, sizes, strides, ...): the rest says requires_grad and hooks, which weights do not need.
PickleTensor rebuild_tensor(const Values& arguments) {
  check<ValueError>(arguments.size() >= 4, "a tensor from {} arguments", arguments.size());
  return checked_tensor(arguments[0].storage(), arguments[1].integer(), dims(arguments[2]), dims(arguments[3]));
}

// Bytes as protocol 2 writes them: each byte as the Unicode character of its number, in UTF-8.
std::string latin1(const Values& arguments) {
  check<ValueError>(arguments.size() == 2 && arguments[1].text() == "latin1", "_codecs.encode to anything but latin1");
  const std::string& text = arguments[0].text();
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    uint8_t byte = static_cast<uint8_t>(text[i]);
    if (byte >= 0x80) {
      check<ValueError>(byte < 0xC4 && i + 1 < text.size(), "a text that is no latin1");
      byte = static_cast<uint8_t>(byte << 6 | (static_cast<uint8_t>(text[++i]) & 0x3F));
    }
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

template <class T> T bits(const std::string& bytes) {
  check<ValueError>(bytes.size() == sizeof(T), "a NumPy scalar of {} bytes, not {}", bytes.size(), sizeof(T));
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

PickleValue numpy_scalar(const Values& arguments) {
  check<ValueError>(arguments.size() == 2, "a NumPy scalar from {} arguments", arguments.size());
  const std::string &type = arguments[0].text(), &bytes = arguments[1].text();
  if (type == "f8") return PickleValue(bits<double>(bytes));
  if (type == "f4") return PickleValue(static_cast<double>(bits<float>(bytes)));
  if (type == "i8") return PickleValue(bits<int64_t>(bytes));
  if (type == "i4") return PickleValue(static_cast<int64_t>(bits<int32_t>(bytes)));
  if (type == "b1") return PickleValue(bits<uint8_t>(bytes) != 0);
  throw ValueError(fmt::format("a NumPy scalar of type {}", printable(type)));
}

// A Dict of the pairs in `items`, a list of tuples.
void insert_pairs(Values& dict, const Values& items) {
  for (const PickleValue& pair : items) {
    check<ValueError>(pair.items().size() == 2, "a dict of entries that are no pairs");
    dict.insert(dict.end(), pair.items().begin(), pair.items().end());
  }
}

}  // namespace

PickleTensor checked_tensor(const PickleStorage& storage, int64_t offset, const DimVector& sizes, const DimVector& strides) {
  PickleTensor t{&storage, offset, sizes, strides};
  check<ValueError>(t.sizes.size() == t.strides.size(), "a tensor of shape {} with strides {}", t.sizes, t.strides);
  const int64_t available = storage.size;
  // Counts that a storage cannot have are refused before they are multiplied; sizes of 0 are left out, as strides leave them out.
  constexpr int64_t kMost = int64_t{1} << 58;
  int64_t count = 1, last = t.offset;
  bool empty = false;
  check<ValueError>(t.offset >= 0 && t.offset <= available, "a tensor at offset {} of a storage of {} elements", t.offset,
                    available);
  for (size_t d = 0; d < t.sizes.size(); ++d) {
    const int64_t size = t.sizes[d], stride = t.strides[d];
    check<ValueError>(size >= 0 && stride >= 0, "a tensor of shape {} with strides {}", t.sizes, t.strides);
    check<ValueError>(size <= kMost / count, "a tensor of shape {}", t.sizes);
    count *= std::max<int64_t>(size, 1);
    empty = empty || size == 0;
  }
  if (empty) {
    t.strides = DimVector(t.sizes.size(), 1);
    return t;
  }
  for (size_t d = 0; d < t.sizes.size(); ++d) {
    int64_t& stride = t.strides[d];
    if (t.sizes[d] == 1) {
      stride = std::min(stride, available);  // it moves nowhere
      continue;
    }
    check<ValueError>(stride == 0 || t.sizes[d] - 1 <= (available - 1 - last) / stride,
                      "a tensor of shape {} and strides {} at offset {} of a storage of {} elements", t.sizes, t.strides,
                      t.offset, available);
    last += stride * (t.sizes[d] - 1);
  }
  check<ValueError>(last < available, "a tensor of shape {} at offset {} of a storage of {} elements", t.sizes, t.offset,
                    available);
  check<ValueError>(count <= available, "an expanded tensor, of shape {} from {} elements. Save its clone().", t.sizes,
                    available);
  return t;
}

const PickleGlobal* find_pickle_global(std::string_view module, std::string_view name) {
  const auto it = std::find_if(std::begin(kGlobals), std::end(kGlobals), [&](const PickleGlobal& g) {
    return g.name.size() == module.size() + 1 + name.size() && g.name.starts_with(module) && g.name[module.size()] == '.' &&
           g.name.ends_with(name);
  });
  return it == std::end(kGlobals) ? nullptr : it;
}

PickleValue call_pickle_global(const PickleGlobal& global, const PickleValue& argument_tuple, PickleDocument& document,
                               const std::function<void(size_t)>& spend) {
  check<ValueError>(argument_tuple.is(PickleKind::Tuple), "{} is called with a {}", global.name,
                    to_string(argument_tuple.kind()));
  const Values& arguments = argument_tuple.items();
  const auto fresh = [&](PickleKind kind) { return PickleValue(kind, &document.containers.emplace_back()); };
  switch (global.call) {
    case Call::None: break;
    case Call::Dict:
    case Call::DefaultDict: {  // defaultdict(factory, entries...)
      const PickleValue dict = fresh(PickleKind::Dict);
      const size_t first = global.call == Call::DefaultDict && !arguments.empty() ? 1 : 0;
      for (size_t i = first; i < arguments.size(); ++i) {
        spend(2 * arguments[i].items().size());
        if (arguments[i].is(PickleKind::Dict))
          dict.items().insert(dict.items().end(), arguments[i].items().begin(), arguments[i].items().end());
        else
          insert_pairs(dict.items(), arguments[i].items());
      }
      return dict;
    }
    case Call::Set:
    case Call::Size: {
      const PickleValue result = fresh(global.call == Call::Set ? PickleKind::Set : PickleKind::Tuple);
      check<ValueError>(arguments.size() <= 1, "{} with {} arguments", global.name, arguments.size());
      if (arguments.empty()) return result;
      spend(arguments[0].items().size());
      result.items() = arguments[0].items();
      return result;
    }
    case Call::Device: {
      check<ValueError>(arguments.size() == 1 || arguments.size() == 2, "torch.device with {} arguments", arguments.size());
      std::string text = arguments[0].text();
      spend(text.size() / sizeof(PickleValue));
      if (arguments.size() == 2) text += fmt::format(":{}", arguments[1].integer());
      return PickleValue(PickleKind::String, &document.texts.emplace_back(std::move(text)));
    }
    case Call::Parameter:  // its state follows
      check<ValueError>(arguments.empty(), "a Parameter from {} arguments", arguments.size());
      return PickleValue(&document.tensors.emplace_back());
    case Call::RebuildTensor: return PickleValue(&document.tensors.emplace_back(rebuild_tensor(arguments)));
    case Call::RebuildParameter:  // (data, requires_grad, hooks)
      check<ValueError>(!arguments.empty(), "a parameter without data");
      arguments[0].tensor();
      return arguments[0];
    case Call::Encode: {
      check<ValueError>(arguments.size() == 2, "_codecs.encode with {} arguments", arguments.size());
      spend(arguments[0].text().size() / sizeof(PickleValue));
      return PickleValue(PickleKind::Bytes, &document.texts.emplace_back(latin1(arguments)));
    }
    case Call::NumpyDtype:  // ("f8", align, copy), and the byte order follows as its state
      check<ValueError>(!arguments.empty(), "numpy.dtype without arguments");
      arguments[0].text();
      return arguments[0];
    case Call::NumpyScalar: return numpy_scalar(arguments);
    case Call::Storage: break;
  }
  throw ValueError(fmt::format("{} is called, which is for mentioning alone", global.name));
}

}  // namespace tessera
