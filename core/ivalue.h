// IValue: a value of one of several types, for what autograd::AutogradContext keeps by name.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "core/tensor.h"

namespace tessera {

// Holds nothing, a number or bool, a string, a tensor, or a list of tensors or numbers. Asking for another type throws TypeError;
// numbers convert as C++ does.
class IValue {
 public:
  IValue() = default;
  template <class T>
  requires std::is_arithmetic_v<T> IValue(T value) : value_(Scalar(value)) {}  // NOLINT: implicit by design
  IValue(Scalar value) : value_(value) {}                                      // NOLINT
  IValue(Tensor value) : value_(std::move(value)) {}                           // NOLINT
  IValue(std::string value) : value_(std::move(value)) {}                      // NOLINT
  IValue(const char* value) : value_(std::string(value)) {}                    // NOLINT
  IValue(TensorList value) : value_(std::move(value)) {}                       // NOLINT
  IValue(std::vector<int64_t> value) : value_(std::move(value)) {}             // NOLINT
  IValue(std::vector<double> value) : value_(std::move(value)) {}              // NOLINT
  IValue(IntArrayRef value) : value_(value.vec()) {}                           // NOLINT

  bool isNone() const { return std::holds_alternative<std::monostate>(value_); }
  bool isTensor() const { return std::holds_alternative<Tensor>(value_); }
  bool isScalar() const { return std::holds_alternative<Scalar>(value_); }
  bool isString() const { return std::holds_alternative<std::string>(value_); }

  const Tensor& toTensor() const { return get<Tensor>("a tensor"); }
  Scalar toScalar() const { return get<Scalar>("a number"); }
  int64_t toInt() const { return toScalar().to<int64_t>(); }
  double toDouble() const { return toScalar().to<double>(); }
  bool toBool() const { return toScalar().to<bool>(); }
  const std::string& toStringRef() const { return get<std::string>("a string"); }
  const TensorList& toTensorVector() const { return get<TensorList>("a list of tensors"); }
  const TensorList& toTensorList() const { return toTensorVector(); }
  const std::vector<int64_t>& toIntVector() const { return get<std::vector<int64_t>>("a list of integers"); }
  const std::vector<double>& toDoubleVector() const { return get<std::vector<double>>("a list of numbers"); }
  template <class T> T to() const {
    if constexpr (std::is_arithmetic_v<T>)
      return toScalar().to<T>();
    else
      return get<T>("of the type asked for");
  }

 private:
  template <class T> const T& get(const char* what) const {
    const T* value = std::get_if<T>(&value_);
    check<TypeError>(value != nullptr, "the value is not {}", what);
    return *value;
  }
  std::variant<std::monostate, Scalar, Tensor, std::string, TensorList, std::vector<int64_t>, std::vector<double>> value_;
};

}  // namespace tessera
