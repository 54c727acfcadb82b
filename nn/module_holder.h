// ModuleHolder: a shared handle to a module that behaves like the module.
#pragma once

#include "core/autograd.h"
#include "nn/module.h"

namespace tessera::nn {

struct ModuleHolderBase {};

// Calls module.forward(args...), under the module's name where layers are named (autograd.h).
template <class M, class... Args> decltype(auto) call_forward(M& module, Args&&... args) {
  const autograd::LayerScope scope(module.registered_name());
  return module.forward(std::forward<Args>(args)...);
}

template <class Contained> class ModuleHolder : public ModuleHolderBase {
 public:
  using ContainedType = Contained;

  // A module made with default arguments; for none at all, hand over nullptr.
  ModuleHolder() : impl_(std::make_shared<Contained>()) {}
  ModuleHolder(std::nullptr_t) {}                                            // NOLINT: implicit by design
  ModuleHolder(std::shared_ptr<Contained> module) : impl_(std::move(module)) {}  // NOLINT
  template <class Head, class... Tail>
    requires(!(sizeof...(Tail) == 0 && std::is_base_of_v<ModuleHolder, std::decay_t<Head>>) &&
             std::is_constructible_v<Contained, Head, Tail...>)
  explicit ModuleHolder(Head&& head, Tail&&... tail)
      : impl_(std::make_shared<Contained>(std::forward<Head>(head), std::forward<Tail>(tail)...)) {}

  explicit operator bool() const { return impl_ != nullptr; }
  bool is_empty() const { return impl_ == nullptr; }
  Contained* operator->() const { return get(); }
  Contained& operator*() const { return *get(); }
  Contained* get() const {
    check<ValueError>(impl_ != nullptr, "a module holder is empty. Assign a module before using it.");
    return impl_.get();
  }
  const std::shared_ptr<Contained>& ptr() const { return impl_; }

  template <class... Args> decltype(auto) operator()(Args&&... args) const {
    return call_forward(*get(), std::forward<Args>(args)...);
  }
  // An element of a container.
  template <class Index> decltype(auto) operator[](Index&& index) const { return (*get())[std::forward<Index>(index)]; }

 private:
  std::shared_ptr<Contained> impl_;
};

template <class Contained> std::ostream& operator<<(std::ostream& stream, const ModuleHolder<Contained>& module) {
  return stream << *module;
}

}  // namespace tessera::nn

// Defines the holder `Name` of `NameImpl`.
#define TESSERA_MODULE(Name)                                                  \
  class Name : public ::tessera::nn::ModuleHolder<Name##Impl> { /* NOLINT */  \
   public:                                                                    \
    using ::tessera::nn::ModuleHolder<Name##Impl>::ModuleHolder;              \
    using Impl = Name##Impl;                                                  \
  }
