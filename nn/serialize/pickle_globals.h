// The names that a pickle may mention, and what calling them gives. For pickle.cpp alone.
#pragma once

#include <functional>

#include "nn/serialize/pickle.h"

namespace tessera {

struct PickleGlobal {
  enum class Call : uint8_t {
    None,  // a type that is mentioned and never called: the factory of a defaultdict, a dtype
    Dict,
    DefaultDict,
    Set,
    Size,
    Device,
    Parameter,
    RebuildTensor,
    RebuildParameter,
    Storage,
    Encode,
    NumpyDtype,
    NumpyScalar
  };
  std::string name;  // module.name
  Call call = Call::None;
  ScalarType dtype = kFloat32;  // of a Storage
};

// Null for a name that is not known.
const PickleGlobal* find_pickle_global(std::string_view module, std::string_view name);

// What global(*arguments) returns, made of fresh parts of `document`. `spend(n)` is told of n values that are copied.
// Throws ValueError, without the file's name, for arguments that do not fit.
PickleValue call_pickle_global(const PickleGlobal& global, const PickleValue& arguments, PickleDocument& document,
                               const std::function<void(size_t)>& spend);

}  // namespace tessera
