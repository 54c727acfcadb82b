// Typed errors and the one way to raise them.
//
// Messages read `op: what was wrong, with both shapes, dtypes or devices. Hint.` The tools print them as one line.
#pragma once

#include <fmt/format.h>

#include <utility>

#include "kernels/error.h"

namespace tessera {

struct ShapeError : Error { using Error::Error; };     // sizes or dimensions that do not fit an op
struct TypeError : Error { using Error::Error; };      // a dtype that an op does not take
// DeviceError (kernels/error.h)                          // a device or a kernel that this build or machine lacks
struct IndexError : Error { using Error::Error; };     // an index out of range
struct ValueError : Error { using Error::Error; };     // any other argument
struct AutogradError : Error { using Error::Error; };  // misuse of the graph
struct FileError : Error { using Error::Error; };      // a file that is missing, damaged or cannot be written

// check<ShapeError>(cond, "matmul: shapes {} and {} ...", a, b) throws unless cond holds. Arguments are formatted only then.
template <class E, class... Args> void check(bool condition, fmt::format_string<Args...> message, Args&&... args) {
  if (!condition) [[unlikely]]
    throw E(fmt::format(message, std::forward<Args>(args)...));
}

}  // namespace tessera
