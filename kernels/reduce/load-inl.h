// Bringing a run of any element type and stride into the type that arithmetic happens in. Included once a SIMD target.
#if defined(TESSERA_REDUCE_LOAD_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_REDUCE_LOAD_INL_H
#undef TESSERA_REDUCE_LOAD_INL_H
#else
#define TESSERA_REDUCE_LOAD_INL_H
#endif

#include <cstdint>
#include <type_traits>

#include "kernels/dtype.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

// float for float32 and the halves, double, and int64 for integers and bool.
template <class T> using load_t = std::conditional_t<is_floating_v<T>, compute_t<T>, int64_t>;
// What sums of them run in.
template <class C> using wide_t = std::conditional_t<std::is_same_v<C, float>, double, C>;

// Elements offset, offset + stride, ... as an array of C: the memory itself where it is one already, else copied to `buffer`.
template <class C> using Load = const C*(const void* data, int64_t offset, int64_t stride, int64_t count, C* buffer);

template <class T> const load_t<T>* load(const void* data, int64_t offset, int64_t stride, int64_t count, load_t<T>* buffer) {
  const T* from = static_cast<const T*>(data) + offset;
  if (stride == 1) {
    if constexpr (std::is_same_v<T, load_t<T>>) return from;
    for (int64_t i = 0; i < count; ++i) buffer[i] = static_cast<load_t<T>>(from[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) buffer[i] = static_cast<load_t<T>>(from[i * stride]);
  }
  return buffer;
}

// out[offset + i * stride] = values[i], converted to the type of `out`.
template <class A> void store(void* out, ScalarType type, int64_t offset, int64_t stride, int64_t count, const A* values) {
  dispatch_all(type, [&]<class T>() {
    T* to = static_cast<T*>(out) + offset;
    if constexpr (is_half_v<T>) {
      for (int64_t i = 0; i < count; ++i) to[i * stride] = T(static_cast<float>(values[i]));
    } else {
      for (int64_t i = 0; i < count; ++i) to[i * stride] = static_cast<T>(values[i]);
    }
  });
}

// Calls body with the load function of `type`.
template <class Body> void with_load(ScalarType type, Body&& body) {
  dispatch_all(type, [&]<class T>() { body(static_cast<Load<load_t<T>>*>(&load<T>)); });
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
