// Containers of modules: Sequential, ModuleList, ModuleDict, Functional.
#pragma once

#include "nn/any_module.h"

namespace tessera::nn {

// A module in any of the forms that containers take, as a shared pointer. A module itself is copied.
template <class M> std::shared_ptr<Module> to_shared_module(const M& module) {
  if constexpr (std::derived_from<M, Module>)
    return std::make_shared<M>(module);
  else if constexpr (std::derived_from<M, ModuleHolderBase>)
    return module.ptr();
  else
    return module;
}

// The module as an M (an Impl or its holder's); throws TypeError if it is another.
template <class M> auto cast_module(const char* container, const std::shared_ptr<Module>& module) {
  if constexpr (std::derived_from<M, ModuleHolderBase>) {
    return cast_module<typename M::ContainedType>(container, module);
  } else {
    auto result = std::dynamic_pointer_cast<M>(module);
    check<TypeError>(result != nullptr, "{}: the module is {}, not {}", container, module->name(), type_name(typeid(M)));
    return result;
  }
}

// Applies its modules one after the other: each gets what the one before it gives. They are children named "0", "1", ..., or as
// given. Modules are handed over as anything that AnyModule is made of: holders, shared pointers, modules.
class SequentialImpl : public Module {
 public:
  SequentialImpl() = default;
  template <class... Modules>
    requires(sizeof...(Modules) > 0 && (std::is_constructible_v<AnyModule, const Modules&> && ...))
  explicit SequentialImpl(const Modules&... modules) {
    (push_back(AnyModule(modules)), ...);
  }
  SequentialImpl(std::initializer_list<NamedAnyModule> modules);
  explicit SequentialImpl(const OrderedDict<std::string, AnyModule>& modules);

  // Throws ValueError if it is empty, and what AnyModule throws where types do not fit; R is the last module's result.
  template <class R = Tensor, class... Args> R forward(Args&&... args) {
    check<ValueError>(!is_empty(), "Sequential: it is empty");
    return chain(any(0).any_forward(std::forward<Args>(args)...)).template get<R>();
  }
  void push_back(AnyModule module) { push_back(std::to_string(modules_.size()), std::move(module)); }
  void push_back(std::string name, AnyModule module);
  void push_back(const NamedAnyModule& module) { push_back(module.name(), module.module()); }
  // Appends the modules of a container, under new numbers; they are shared.
  template <class Container> void extend(const Container& container) {
    const std::vector<AnyModule> added(container.begin(), container.end());
    for (const AnyModule& module : added) push_back(module);
  }
  // Modules begin, ..., end - 1, shared with this one and under the names that they have here: vgg->features->slice(7, 14).
  // Throws IndexError unless begin <= end <= size().
  std::shared_ptr<SequentialImpl> slice(size_t begin, size_t end) const;
  size_t size() const { return modules_.size(); }
  bool is_empty() const { return modules_.empty(); }
  // Throw IndexError for an index that is not below size(), TypeError where the module is no M.
  std::shared_ptr<Module> ptr(size_t index) const { return any(index).ptr(); }
  template <class M> std::shared_ptr<M> ptr(size_t index) const { return any(index).ptr<M>(); }
  std::shared_ptr<Module> operator[](size_t index) const { return ptr(index); }
  template <std::derived_from<Module> M> M& at(size_t index) const { return any(index).get<M>(); }
  template <std::derived_from<ModuleHolderBase> M> auto& at(size_t index) const { return at<typename M::ContainedType>(index); }
  std::vector<AnyModule>::iterator begin() { return modules_.begin(); }
  std::vector<AnyModule>::iterator end() { return modules_.end(); }
  std::vector<AnyModule>::const_iterator begin() const { return modules_.begin(); }
  std::vector<AnyModule>::const_iterator end() const { return modules_.end(); }

  std::shared_ptr<Module> clone(const std::optional<Device>& device = {}) const override;
  void pretty_print(std::ostream& stream) const override;

 private:
  const AnyModule& any(size_t index) const;
  AnyValue chain(AnyValue value) const;  // through the modules behind the first
  std::vector<AnyModule> modules_;
};

class Sequential : public ModuleHolder<SequentialImpl> {
 public:
  using ModuleHolder<SequentialImpl>::ModuleHolder;
  using Impl = SequentialImpl;
  Sequential() = default;
  Sequential(std::initializer_list<NamedAnyModule> modules) : ModuleHolder(std::make_shared<SequentialImpl>(modules)) {}
};

// A list of modules without a forward of its own; children "0", "1", ....
class ModuleListImpl : public Module {
 public:
  using Iterator = std::vector<std::shared_ptr<Module>>::iterator;
  using ConstIterator = std::vector<std::shared_ptr<Module>>::const_iterator;
  ModuleListImpl() = default;
  template <class... Modules>
    requires(sizeof...(Modules) > 0)
  explicit ModuleListImpl(const Modules&... modules) {
    (push_back(modules), ...);
  }
  // Shared pointers, holders and modules (which are copied).
  template <class M> void push_back(const M& module) { insert(size(), module); }
  // Puts the module at `index` <= size(), else IndexError; those behind it move up, and so do their names.
  template <class M> void insert(size_t index, const M& module) { insert_ptr(index, to_shared_module(module)); }
  template <class Container> void extend(const Container& container) {
    const std::vector<std::shared_ptr<Module>> added(container.begin(), container.end());
    for (const auto& module : added) push_back(module);
  }
  size_t size() const { return modules_.size(); }
  bool is_empty() const { return modules_.empty(); }
  Iterator begin() { return modules_.begin(); }
  Iterator end() { return modules_.end(); }
  ConstIterator begin() const { return modules_.begin(); }
  ConstIterator end() const { return modules_.end(); }
  // Throw IndexError for an index that is not below size(), TypeError where the module is no M.
  std::shared_ptr<Module> ptr(size_t index) const;
  template <class M> std::shared_ptr<M> ptr(size_t index) const { return cast_module<M>("ModuleList", ptr(index)); }
  std::shared_ptr<Module> operator[](size_t index) const { return ptr(index); }
  template <class M> auto& at(size_t index) const { return *cast_module<M>("ModuleList", ptr(index)); }

  std::shared_ptr<Module> clone(const std::optional<Device>& device = {}) const override;
  void pretty_print(std::ostream& stream) const override;

 private:
  void insert_ptr(size_t index, std::shared_ptr<Module> module);
  std::vector<std::shared_ptr<Module>> modules_;
};
TESSERA_MODULE(ModuleList);

// Modules by name, in the order of insertion, without a forward of its own.
class ModuleDictImpl : public Module {
 public:
  using Pairs = std::vector<std::pair<std::string, std::shared_ptr<Module>>>;
  ModuleDictImpl() = default;
  explicit ModuleDictImpl(const Pairs& modules) { update(modules); }
  explicit ModuleDictImpl(const OrderedDict<std::string, std::shared_ptr<Module>>& modules) { update(modules); }

  // Adds a module; ValueError if there is one of that name.
  template <class M> void insert(std::string name, const M& module) { register_module(std::move(name), module); }
  // Adds modules, or puts them in the place of those of the same names.
  void update(const Pairs& modules);
  void update(const OrderedDict<std::string, std::shared_ptr<Module>>& modules) { update(modules.pairs()); }
  void update(const ModuleDictImpl& other) { update(other.children_); }
  // Removes a module and returns it.
  std::shared_ptr<Module> pop(const std::string& name);
  void clear() { children_.clear(); }

  size_t size() const { return children_.size(); }
  bool empty() const { return children_.is_empty(); }
  bool contains(const std::string& name) const { return children_.contains(name); }
  // Throw ValueError where there is none of that name, TypeError where it is no M.
  const std::shared_ptr<Module>& operator[](const std::string& name) const { return children_[name]; }
  template <class M> auto& at(const std::string& name) const { return *cast_module<M>("ModuleDict", children_[name]); }
  Pairs items() const { return children_.pairs(); }
  std::vector<std::string> keys() const { return children_.keys(); }
  std::vector<std::shared_ptr<Module>> values() const { return children_.values(); }
  auto begin() const { return children_.begin(); }  // over items with key() and value()
  auto end() const { return children_.end(); }

  std::shared_ptr<Module> clone(const std::optional<Device>& device = {}) const override;
  void pretty_print(std::ostream& stream) const override;
};
TESSERA_MODULE(ModuleDict);

// A function as a module: Functional(relu), Functional([](const Tensor& x) { ... }), Functional(elu, 1.0, 1.0, 1.0).
class FunctionalImpl : public Cloneable<FunctionalImpl> {
 public:
  using Function = std::function<Tensor(const Tensor&)>;
  explicit FunctionalImpl(Function function) : function_(std::move(function)) {}
  template <class F, class... Args>
    requires(sizeof...(Args) > 0)
  explicit FunctionalImpl(F function, Args... args)
      : function_([function, args...](const Tensor& x) -> Tensor { return function(x, args...); }) {}
  void reset() override {}
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input) { return function_(input); }

 private:
  Function function_;
};
TESSERA_MODULE(Functional);

}  // namespace tessera::nn
