#include "nn/module.h"

#include <cxxabi.h>

#include <cstdlib>
#include <ostream>
#include <sstream>

#include "core/autograd.h"
#include "core/ops/copy.h"

namespace tessera::nn {
namespace {

void check_name(const char* op, const std::string& name) {
  check<ValueError>(!name.empty(), "{}: the name is empty", op);
  check<ValueError>(name.find('.') == std::string::npos, "{}: the name \"{}\" holds a dot", op, name);
}

std::string join(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "." + name;
}

// Gives the handle `tensor` the memory, layout and dtype of `source`, and its gradient likewise.
template <class Convert> void convert_in_place(const Tensor& tensor, const Convert& convert) {
  if (!tensor.defined()) return;
  const NoGradGuard no_grad;
  const Tensor grad = tensor.requires_grad() && tensor.is_leaf() ? tensor.grad() : Tensor();
  tensor.set_data(convert(tensor.detach()));
  if (grad.defined()) tensor.mutable_grad() = convert(grad);
}

}  // namespace

std::string type_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
  return status == 0 ? text.get() : type.name();
}

Module::Module() = default;
Module::Module(std::string name) : name_(std::move(name)) {}

const std::string& Module::name() const {
  if (!name_) name_ = type_name(typeid(*this));
  return *name_;
}

// Calls f(prefix, module) for this module and its descendants, parents first.
template <class F> void Module::visit(const std::string& prefix, F&& f) const {
  f(prefix, *this);
  for (const auto& child : children_)
    if (child.value() != nullptr) child.value()->visit(join(prefix, child.key()), f);
}

OrderedDict<std::string, Tensor> Module::named_parameters(bool recurse) const {
  OrderedDict<std::string, Tensor> result;
  visit("", [&](const std::string& prefix, const Module& module) {
    if (!recurse && &module != this) return;
    for (const auto& item : module.parameters_)
      if (item->defined()) result.insert(join(prefix, item.key()), *item);
  });
  return result;
}

OrderedDict<std::string, Tensor> Module::named_buffers(bool recurse) const {
  OrderedDict<std::string, Tensor> result;
  visit("", [&](const std::string& prefix, const Module& module) {
    if (!recurse && &module != this) return;
    for (const auto& item : module.buffers_)
      if (item->defined()) result.insert(join(prefix, item.key()), *item);
  });
  return result;
}

OrderedDict<std::string, std::shared_ptr<Module>> Module::named_modules(const std::string& name_prefix, bool include_self) const {
  OrderedDict<std::string, std::shared_ptr<Module>> result;
  visit(name_prefix, [&](const std::string& name, const Module& module) {
    if (&module == this && !include_self) return;
    const auto self = std::const_pointer_cast<Module>(module.weak_from_this().lock());
    check<ValueError>(self != nullptr, "modules: {} is not held by a shared_ptr. Make it with std::make_shared or its holder.",
                      module.name());
    result.insert(name, self);
  });
  return result;
}

TensorList Module::parameters(bool recurse) const {
  return named_parameters(recurse).values();
}
TensorList Module::buffers(bool recurse) const {
  return named_buffers(recurse).values();
}
std::vector<std::shared_ptr<Module>> Module::modules(bool include_self) const {
  return named_modules("", include_self).values();
}
std::vector<std::shared_ptr<Module>> Module::children() const {
  return children_.values();
}

void Module::apply(const std::function<void(Module&)>& function) {
  visit("", [&](const std::string&, const Module& module) { function(const_cast<Module&>(module)); });
}
void Module::apply(const std::function<void(const Module&)>& function) const {
  visit("", [&](const std::string&, const Module& module) { function(module); });
}
void Module::apply(const std::function<void(const std::string&, Module&)>& function, const std::string& name_prefix) {
  visit(name_prefix, [&](const std::string& name, const Module& module) { function(name, const_cast<Module&>(module)); });
}
void Module::apply(const std::function<void(const std::string&, const Module&)>& function, const std::string& name_prefix) const {
  visit(name_prefix, function);
}
void Module::apply(const std::function<void(const std::shared_ptr<Module>&)>& function) const {
  for (const auto& module : modules()) function(module);
}
void Module::apply(const std::function<void(const std::string&, const std::shared_ptr<Module>&)>& function,
                   const std::string& name_prefix) const {
  for (const auto& item : named_modules(name_prefix)) function(item.key(), item.value());
}

void Module::train(bool on) {
  training_ = on;
  for (auto& child : children_) child.value()->train(on);
}

void Module::to(Device device, ScalarType dtype) {
  to(device);
  to(dtype);
}

void Module::to(Device device) {
  const auto convert = [&](const Tensor& t) { return t.to(device); };
  for (const Tensor& t : parameters()) convert_in_place(t, convert);
  for (const Tensor& t : buffers()) convert_in_place(t, convert);
}

void Module::to(ScalarType dtype) {
  check<TypeError>(is_floating_point(dtype), "Module::to: {} is no floating-point type", dtype);
  const auto convert = [&](const Tensor& t) { return t.is_floating_point() ? t.to(dtype) : t; };
  for (const Tensor& t : parameters()) convert_in_place(t, convert);
  for (const Tensor& t : buffers()) convert_in_place(t, convert);
}

void Module::to(MemoryFormat format) {
  for (const Tensor& t : parameters())
    if (t.dim() == 4) convert_in_place(t, [&](const Tensor& x) { return x.contiguous(format); });
}

void Module::zero_grad(bool set_to_none) {
  for (const Tensor& parameter : parameters()) {
    Tensor& grad = parameter.mutable_grad();
    if (set_to_none) {
      grad = Tensor();
    } else if (grad.defined()) {
      grad = grad.detach();
      grad.zero_();
    }
  }
}

std::shared_ptr<Module> Module::clone(const std::optional<Device>&) const {
  throw ValueError(fmt::format("clone: {} does not say how it is copied. Derive it from nn::Cloneable.", name()));
}

void Module::copy_from(const Module& other, const std::optional<Device>& device) {
  const NoGradGuard no_grad;
  const auto copy = [&](const Tensor& to, const Tensor& from) {
    if (!to.defined() || !from.defined()) return;
    to.set_data(device ? from.detach().to(*device, /*non_blocking=*/false, /*copy=*/true) : from.detach().clone());
  };
  check<ValueError>(parameters_.keys() == other.parameters_.keys() && buffers_.keys() == other.buffers_.keys() &&
                        children_.keys() == other.children_.keys(),
                    "clone: reset() of {} does not register what the original holds", name());
  for (auto& item : parameters_) copy(*item, other.parameters_[item.key()]);
  for (auto& item : buffers_) copy(*item, other.buffers_[item.key()]);
  for (auto& item : children_) item.value()->copy_from(*other.children_[item.key()], device);
  training_ = other.training_;
}

void Module::copy_training(const Module& other) {
  training_ = other.training_;
  for (auto& item : children_) item.value()->copy_training(*other.children_[item.key()]);
}

Tensor& Module::register_parameter(std::string name, Tensor tensor, bool requires_grad) {
  check_name("register_parameter", name);
  if (tensor.defined()) tensor.requires_grad_(requires_grad);
  return parameters_.insert(std::move(name), std::move(tensor));
}

Tensor& Module::register_buffer(std::string name, Tensor tensor) {
  check_name("register_buffer", name);
  return buffers_.insert(std::move(name), std::move(tensor));
}

void Module::add_child(std::string name, std::shared_ptr<Module> module) {
  check_name("register_module", name);
  check<ValueError>(module != nullptr, "register_module: the module \"{}\" is null", name);
  module->registered_name_ = name;
  children_.insert(std::move(name), std::move(module));
}

void Module::replace_child(const std::string& name, std::shared_ptr<Module> module) {
  check<ValueError>(module != nullptr, "replace_module: the module \"{}\" is null", name);
  module->registered_name_ = name;
  children_[name] = std::move(module);
}

void Module::pretty_print(std::ostream& stream) const {
  stream << name();
}

std::ostream& operator<<(std::ostream& stream, const Module& module) {
  module.pretty_print(stream);
  const auto children = module.named_children();
  if (children.is_empty()) return stream;
  stream << "(\n";
  for (const auto& child : children) {
    std::ostringstream text;
    text << *child.value();
    stream << "  (" << child.key() << "): ";
    for (char c : text.str()) {
      stream << c;
      if (c == '\n') stream << "  ";
    }
    stream << '\n';
  }
  return stream << ')';
}

}  // namespace tessera::nn
