// AnyModule: a module of which the type is forgotten, but not what its forward takes and gives.
//
//     nn::AnyModule any(nn::Linear(3, 4));
//     Tensor y = any.forward(x);                                    // forward<R>(...) for a result that is no Tensor
//
// The arguments must have the types that forward declares, as values: an int is no float. Arguments with defaults may be left
// out. What does not fit throws TypeError (types) or ValueError (their number, an empty AnyModule).
#pragma once

#include <any>
#include <concepts>
#include <functional>
#include <tuple>
#include <typeinfo>

#include "nn/module_holder.h"

namespace tessera::nn {

// A value of any copyable type; a reference is stored as a value, a string literal as const char*.
class AnyValue {
 public:
  template <class T>
    requires(!std::same_as<std::decay_t<T>, AnyValue>)
  explicit AnyValue(T&& value) : value_(std::decay_t<T>(std::forward<T>(value))) {}

  // The value, or null if it is of another type.
  template <class T> T* try_get() { return std::any_cast<T>(&value_); }
  // The value; throws TypeError if it is of another type.
  template <class T> T get() {
    auto* value = try_get<std::remove_cvref_t<T>>();
    check<TypeError>(value != nullptr, "AnyValue: it holds {}, not {}", type_name(type_info()), type_name(typeid(T)));
    return std::move(*value);
  }
  const std::type_info& type_info() const { return value_.type(); }

 private:
  std::any value_;
};

namespace any_forward {

using Values = std::vector<AnyValue>;

[[noreturn]] void throw_wrong_count(const Module& module, size_t count);
[[noreturn]] void throw_wrong_type(size_t index, const std::type_info& expected, const std::type_info& given);

// Value `index` as a parameter of type A takes it.
template <class A> A&& argument(Values& values, size_t index) {
  auto* value = values[index].try_get<std::decay_t<A>>();
  if (value == nullptr) throw_wrong_type(index, typeid(A), values[index].type_info());
  return static_cast<A&&>(*value);
}

// module.forward with as many of the parameters Args as there are values. Counts below sizeof...(I) are tried as long as the
// defaults of forward allow.
template <class M, class... Args, size_t... I> AnyValue call(M& module, Values& values, std::index_sequence<I...>) {
  using All = std::tuple<Args...>;
  if constexpr (requires { module.forward(std::declval<std::tuple_element_t<I, All>>()...); }) {
    if (values.size() == sizeof...(I))
      return AnyValue(call_forward(module, argument<std::tuple_element_t<I, All>>(values, I)...));
    if constexpr (sizeof...(I) > 0) return call<M, Args...>(module, values, std::make_index_sequence<sizeof...(I) - 1>());
  }
  throw_wrong_count(module, values.size());
}

using Function = std::function<AnyValue(Values&)>;
template <class M, class... Args> Function make(M& module) {
  return [&module](Values& values) { return call<M, Args...>(module, values, std::index_sequence_for<Args...>()); };
}
template <class M, class C, class R, class... Args> Function make(M& module, R (C::*)(Args...)) {
  return make<M, Args...>(module);
}
template <class M, class C, class R, class... Args> Function make(M& module, R (C::*)(Args...) const) {
  return make<M, Args...>(module);
}
// A forward that is a template or overloaded (Sequential's) is taken as Tensor forward(const Tensor&).
template <class M> Function of(M& module) {
  if constexpr (requires { &M::forward; })
    return make(module, &M::forward);
  else
    return make<M, const Tensor&>(module);
}

}  // namespace any_forward

class AnyModule {
 public:
  AnyModule() = default;
  template <std::derived_from<Module> M> AnyModule(std::shared_ptr<M> module) {  // NOLINT: implicit by design
    check<ValueError>(module != nullptr, "AnyModule: the module is null");
    forward_ = any_forward::of(*module);
    wrap_ = [](const std::shared_ptr<Module>& other) { return AnyModule(std::dynamic_pointer_cast<M>(other)); };
    module_ = std::move(module);
  }
  template <std::derived_from<ModuleHolderBase> M>
  AnyModule(const M& holder) : AnyModule(holder.ptr()) {}  // NOLINT
  // A module itself is copied or moved into a shared_ptr.
  template <class M>
    requires std::derived_from<std::remove_cvref_t<M>, Module>
  AnyModule(M&& module) : AnyModule(std::make_shared<std::remove_cvref_t<M>>(std::forward<M>(module))) {}  // NOLINT

  template <class R = Tensor, class... Args> R forward(Args&&... args) const {
    return any_forward(std::forward<Args>(args)...).template get<R>();
  }
  template <class... Args> AnyValue any_forward(Args&&... args) const {
    any_forward::Values values;
    values.reserve(sizeof...(args));
    (values.emplace_back(std::forward<Args>(args)), ...);
    return call(values);
  }

  bool is_empty() const { return module_ == nullptr; }
  // The module, or the module as an M; throws TypeError if it is another.
  const std::shared_ptr<Module>& ptr() const;
  template <std::derived_from<Module> M> std::shared_ptr<M> ptr() const {
    auto module = std::dynamic_pointer_cast<M>(ptr());
    check<TypeError>(module != nullptr, "AnyModule: it holds {}, not {}", ptr()->name(), type_name(typeid(M)));
    return module;
  }
  // The same as a reference, or as a holder.
  template <std::derived_from<Module> M> M& get() const { return *ptr<M>(); }
  template <std::derived_from<ModuleHolderBase> M> M get() const { return M(ptr<typename M::ContainedType>()); }
  const std::type_info& type_info() const { return typeid(*ptr()); }
  AnyModule clone(std::optional<Device> device = {}) const { return wrap_(ptr()->clone(device)); }

 private:
  AnyValue call(any_forward::Values& values) const;

  std::shared_ptr<Module> module_;
  any_forward::Function forward_;
  AnyModule (*wrap_)(const std::shared_ptr<Module>&) = nullptr;  // a module of the same type
};

class NamedAnyModule {
 public:
  template <class M>
    requires std::constructible_from<AnyModule, M>
  NamedAnyModule(std::string name, M&& module) : name_(std::move(name)), module_(std::forward<M>(module)) {}
  const std::string& name() const { return name_; }
  AnyModule& module() { return module_; }
  const AnyModule& module() const { return module_; }

 private:
  std::string name_;
  AnyModule module_;
};

}  // namespace tessera::nn

// Where libtorch has a module list the defaults of its forward again. Here the C++ declaration of forward is enough.
#define FORWARD_HAS_DEFAULT_ARGS(...)
