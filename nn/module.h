// Module: a part of a network, with named parameters, buffers and children.
//
//     struct NetImpl : nn::Module {
//       NetImpl() { conv = register_module("conv", nn::Conv2d(nn::Conv2dOptions(3, 8, 3).padding(1))); }
//       Tensor forward(const Tensor& x) { return relu(conv(x)); }
//       nn::Conv2d conv = nullptr;
//     };
//     TESSERA_MODULE(Net);                                            // Net: a shared handle to a NetImpl (module_holder.h)
//
// Everything is listed in the order of registration: a module's own entries first, then those of its children, each under the
// child's name and a dot. Those are the names and the order of a PyTorch state dict. Modules are held by shared_ptr; one that is
// registered in two places appears under both names.
#pragma once

#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <typeinfo>
#include <vector>

#include "core/tensor.h"
#include "nn/ordered_dict.h"

namespace tessera::nn {

template <class Contained> class ModuleHolder;

// A type's name as C++ writes it: "tessera::nn::LinearImpl".
std::string type_name(const std::type_info& type);

class Module : public std::enable_shared_from_this<Module> {
 public:
  Module();
  explicit Module(std::string name);
  Module(const Module&) = default;
  Module& operator=(const Module&) = default;
  virtual ~Module() = default;

  // The name given to the constructor, or the type's.
  const std::string& name() const;
  // What the parent calls this module; empty for a root. Error messages of the anomaly mode join these.
  const std::string& registered_name() const { return registered_name_; }

  // --- What it holds. Without `recurse`, this module's own entries alone. ------------------------------------------------------
  TensorList parameters(bool recurse = true) const;
  OrderedDict<std::string, Tensor> named_parameters(bool recurse = true) const;
  TensorList buffers(bool recurse = true) const;
  OrderedDict<std::string, Tensor> named_buffers(bool recurse = true) const;
  // This module, then its descendants, parents before children.
  std::vector<std::shared_ptr<Module>> modules(bool include_self = true) const;
  OrderedDict<std::string, std::shared_ptr<Module>> named_modules(const std::string& name_prefix = "", bool include_self = true) const;
  std::vector<std::shared_ptr<Module>> children() const;
  OrderedDict<std::string, std::shared_ptr<Module>> named_children() const { return children_; }

  // --- Changing it -------------------------------------------------------------------------------------------------------------
  // Calls function on this module, then on its descendants, parents before children; with the full name, which starts with
  // name_prefix, if the function takes one.
  void apply(const std::function<void(Module&)>& function);
  void apply(const std::function<void(const Module&)>& function) const;
  void apply(const std::function<void(const std::string&, Module&)>& function, const std::string& name_prefix = "");
  void apply(const std::function<void(const std::string&, const Module&)>& function, const std::string& name_prefix = "") const;
  void apply(const std::function<void(const std::shared_ptr<Module>&)>& function) const;
  void apply(const std::function<void(const std::string&, const std::shared_ptr<Module>&)>& function,
             const std::string& name_prefix = "") const;

  virtual void train(bool on = true);
  void eval() { train(false); }
  virtual bool is_training() const { return training_; }
  // Moves or converts all parameters and buffers in place: the handles stay the same. A dtype converts floating-point entries
  // only; a gradient goes along.
  virtual void to(Device device, ScalarType dtype);
  virtual void to(Device device);
  virtual void to(ScalarType dtype);
  virtual void to(MemoryFormat format);  // of the 4-d parameters
  // Drops the gradients, or fills them with zeros.
  virtual void zero_grad(bool set_to_none = true);
  // A deep copy: the same values in memory of its own. Modules derived from Cloneable have it; others throw.
  virtual std::shared_ptr<Module> clone(const std::optional<Device>& device = {}) const;

  // This module as a T, or null. T may be an Impl or its holder.
  template <class T> auto* as() {
    if constexpr (requires { typename T::ContainedType; })
      return dynamic_cast<typename T::ContainedType*>(this);
    else
      return dynamic_cast<T*>(this);
  }
  template <class T> const auto* as() const { return const_cast<Module*>(this)->as<T>(); }

  // Prints the type and the arguments, without children; operator<< prints the tree.
  virtual void pretty_print(std::ostream& stream) const;

  // --- Registration ------------------------------------------------------------------------------------------------------------
  // A name is not empty, holds no dot and is new among the entries of its kind, else ValueError. A parameter requires a gradient
  // unless told otherwise; an undefined one keeps its place, but is not listed.
  Tensor& register_parameter(std::string name, Tensor tensor, bool requires_grad = true);
  Tensor& register_buffer(std::string name, Tensor tensor);
  template <class M> std::shared_ptr<M> register_module(std::string name, std::shared_ptr<M> module) {
    add_child(std::move(name), module);
    return module;
  }
  template <class M> std::shared_ptr<M> register_module(std::string name, const ModuleHolder<M>& module) {
    return register_module(std::move(name), module.ptr());
  }
  template <class M> std::shared_ptr<M> replace_module(const std::string& name, std::shared_ptr<M> module) {
    replace_child(name, module);
    return module;
  }
  template <class M> std::shared_ptr<M> replace_module(const std::string& name, const ModuleHolder<M>& module) {
    return replace_module(name, module.ptr());
  }
  void unregister_module(const std::string& name) { children_.erase(name); }

 protected:
  template <class Derived> friend class Cloneable;
  // Makes this child of a new clone a copy of `other`, the child of the original: its tensors, and what Cloneable adds.
  virtual void copy_from(const Module& other, const std::optional<Device>& device);
  // Takes over the modes, training or evaluation, of a module of the same structure and of its descendants.
  void copy_training(const Module& other);

  OrderedDict<std::string, Tensor> parameters_{"register_parameter: the parameter"};
  OrderedDict<std::string, Tensor> buffers_{"register_buffer: the buffer"};
  OrderedDict<std::string, std::shared_ptr<Module>> children_{"register_module: the module"};

 private:
  void add_child(std::string name, std::shared_ptr<Module> module);
  void replace_child(const std::string& name, std::shared_ptr<Module> module);
  template <class F> void visit(const std::string& prefix, F&& f) const;

  mutable std::optional<std::string> name_;
  std::string registered_name_;
  bool training_ = true;
};

// A module whose parts are all made by reset(), which its constructor calls. clone() copies the C++ object, calls reset() on the
// copy, so that it has parameters, buffers and children of its own, and copies their values, and what else the children hold.
template <class Derived> class Cloneable : public Module {
 public:
  using Module::Module;
  // Registers (again) all parameters, buffers and children, with initial values.
  virtual void reset() = 0;
  std::shared_ptr<Module> clone(const std::optional<Device>& device = {}) const override {
    auto copy = std::make_shared<Derived>(static_cast<const Derived&>(*this));
    copy->parameters_.clear();
    copy->buffers_.clear();
    copy->children_.clear();
    copy->reset();
    copy->Module::copy_from(*this, device);
    return copy;
  }

 protected:
  void copy_from(const Module& other, const std::optional<Device>& device) override {
    if constexpr (std::is_copy_assignable_v<Derived>)
      static_cast<Derived&>(*this) = dynamic_cast<Derived&>(*other.clone(device));
    else
      Module::copy_from(other, device);
  }
};

std::ostream& operator<<(std::ostream& stream, const Module& module);

}  // namespace tessera::nn
