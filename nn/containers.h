// Containers of modules: AnyModule, Sequential, ModuleList, ModuleDict, Functional.
#pragma once

#include <concepts>
#include <functional>

#include "nn/module_holder.h"

namespace tessera::nn {

// Any module with Tensor forward(const Tensor&), its type forgotten.
class AnyModule {
 public:
  AnyModule() = default;
  template <std::derived_from<Module> M>
  AnyModule(std::shared_ptr<M> module)  // NOLINT: implicit by design
      : module_(module),
        forward_([raw = module.get()](const Tensor& x) -> Tensor { return call_forward(*raw, x); }),
        wrap_([](const std::shared_ptr<Module>& other) { return AnyModule(std::dynamic_pointer_cast<M>(other)); }) {}
  template <std::derived_from<ModuleHolderBase> M>
  AnyModule(const M& holder) : AnyModule(holder.ptr()) {  // NOLINT
    check<ValueError>(!holder.is_empty(), "AnyModule: the module holder is empty");
  }

  Tensor forward(const Tensor& input) const {
    check<ValueError>(module_ != nullptr, "AnyModule: it is empty");
    return forward_(input);
  }
  bool is_empty() const { return module_ == nullptr; }
  const std::shared_ptr<Module>& ptr() const { return module_; }
  AnyModule clone(std::optional<Device> device = {}) const { return wrap_(module_->clone(device)); }
  // The module as an M (an Impl or its holder); throws TypeError if it is another.
  template <class M> auto& get() const {
    auto* module = module_ == nullptr ? nullptr : module_->as<M>();
    check<TypeError>(module != nullptr, "AnyModule: it holds {}", module_ == nullptr ? "nothing" : module_->name());
    return *module;
  }

 private:
  std::shared_ptr<Module> module_;
  std::function<Tensor(const Tensor&)> forward_;
  AnyModule (*wrap_)(const std::shared_ptr<Module>&) = nullptr;  // a module of the same type
};

struct NamedAnyModule {
  template <class M> NamedAnyModule(std::string name, M&& module) : name(std::move(name)), module(std::forward<M>(module)) {}
  std::string name;
  AnyModule module;
};

// Applies its modules one after the other. They are children named "0", "1", ..., or as given.
class SequentialImpl : public Module {
 public:
  SequentialImpl() = default;
  template <class... Modules>
    requires(sizeof...(Modules) > 0 && (std::is_constructible_v<AnyModule, const Modules&> && ...))
  explicit SequentialImpl(const Modules&... modules) {
    (push_back(modules), ...);
  }
  explicit SequentialImpl(std::initializer_list<NamedAnyModule> modules);

  Tensor forward(const Tensor& input);
  void push_back(AnyModule module) { push_back(std::to_string(modules_.size()), std::move(module)); }
  void push_back(std::string name, AnyModule module);
  void extend(const SequentialImpl& other);
  // Modules begin, ..., end - 1, shared with this one and under the names that they have here: vgg->features->slice(7, 14).
  // Throws IndexError unless begin <= end <= size().
  std::shared_ptr<SequentialImpl> slice(size_t begin, size_t end) const;
  size_t size() const { return modules_.size(); }
  bool is_empty() const { return modules_.empty(); }
  std::shared_ptr<Module> ptr(size_t index) const { return any(index).ptr(); }
  const std::shared_ptr<Module> operator[](size_t index) const { return ptr(index); }
  template <class M> auto& at(size_t index) const { return any(index).template get<M>(); }
  std::vector<AnyModule>::iterator begin() { return modules_.begin(); }
  std::vector<AnyModule>::iterator end() { return modules_.end(); }

  std::shared_ptr<Module> clone(std::optional<Device> device = {}) const override;
  void pretty_print(std::ostream& stream) const override;

 private:
  const AnyModule& any(size_t index) const;
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
  ModuleListImpl() = default;
  template <class... Modules>
    requires(sizeof...(Modules) > 0)
  explicit ModuleListImpl(const Modules&... modules) {
    (push_back(modules), ...);
  }
  template <class M> void push_back(const std::shared_ptr<M>& module) { register_module(std::to_string(size()), module); }
  template <std::derived_from<ModuleHolderBase> M> void push_back(const M& module) { push_back(module.ptr()); }
  size_t size() const { return children_.size(); }
  bool is_empty() const { return children_.is_empty(); }
  std::shared_ptr<Module> ptr(size_t index) const;
  std::shared_ptr<Module> operator[](size_t index) const { return ptr(index); }
  template <class M> auto& at(size_t index) const {
    auto* module = ptr(index)->template as<M>();
    check<TypeError>(module != nullptr, "ModuleList: number {} is {}", index, ptr(index)->name());
    return *module;
  }
  void pretty_print(std::ostream& stream) const override;
};
TESSERA_MODULE(ModuleList);

// Modules by name, in the order of insertion, without a forward of its own.
class ModuleDictImpl : public Module {
 public:
  template <class M> void insert(std::string name, const M& module) { register_module(std::move(name), module); }
  size_t size() const { return children_.size(); }
  bool contains(const std::string& name) const { return children_.contains(name); }
  const std::shared_ptr<Module>& operator[](const std::string& name) const { return children_[name]; }
  std::vector<std::string> keys() const { return children_.keys(); }
  void pretty_print(std::ostream& stream) const override;
};
TESSERA_MODULE(ModuleDict);

// A function as a module: Functional(relu), Functional([](const Tensor& x) { ... }), Functional(elu, 0.5).
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
