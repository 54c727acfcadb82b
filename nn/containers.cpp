#include "nn/containers.h"

#include <ostream>

namespace tessera::nn {

SequentialImpl::SequentialImpl(std::initializer_list<NamedAnyModule> modules) {
  for (const NamedAnyModule& named : modules) push_back(named);
}

SequentialImpl::SequentialImpl(const OrderedDict<std::string, AnyModule>& modules) {
  for (const auto& item : modules) push_back(item.key(), item.value());
}

AnyValue SequentialImpl::chain(AnyValue value) const {
  for (size_t i = 1; i < modules_.size(); ++i) value = modules_[i].any_forward(std::move(value));
  return value;
}

void SequentialImpl::push_back(std::string name, AnyModule module) {
  register_module(std::move(name), module.ptr());
  modules_.push_back(std::move(module));
}

std::shared_ptr<SequentialImpl> SequentialImpl::slice(size_t begin, size_t end) const {
  check<IndexError>(begin <= end && end <= size(), "Sequential: slice({}, {}) does not lie within {} modules", begin, end, size());
  auto part = std::make_shared<SequentialImpl>();
  for (size_t i = begin; i < end; ++i) part->push_back(children_[i].key(), modules_[i]);
  return part;
}

std::shared_ptr<Module> SequentialImpl::clone(const std::optional<Device>& device) const {
  auto copy = std::make_shared<SequentialImpl>();
  for (size_t i = 0; i < modules_.size(); ++i) copy->push_back(children_[i].key(), modules_[i].clone(device));
  copy->copy_training(*this);
  return copy;
}

const AnyModule& SequentialImpl::any(size_t index) const {
  check<IndexError>(index < modules_.size(), "Sequential: there is no module {} among {}", index, modules_.size());
  return modules_[index];
}

void SequentialImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::Sequential";
}

std::shared_ptr<Module> ModuleListImpl::ptr(size_t index) const {
  check<IndexError>(index < size(), "ModuleList: there is no module {} among {}", index, size());
  return modules_[index];
}

void ModuleListImpl::insert_ptr(size_t index, std::shared_ptr<Module> module) {
  check<IndexError>(index <= size(), "ModuleList: insert at {} of {} modules", index, size());
  register_module(std::to_string(size()), module);
  modules_.insert(modules_.begin() + static_cast<std::ptrdiff_t>(index), std::move(module));
  for (size_t i = index; i < size(); ++i) replace_module(std::to_string(i), modules_[i]);
}

std::shared_ptr<Module> ModuleListImpl::clone(const std::optional<Device>& device) const {
  auto copy = std::make_shared<ModuleListImpl>();
  for (const auto& module : modules_) copy->push_back(module->clone(device));
  copy->copy_training(*this);
  return copy;
}

void ModuleListImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::ModuleList";
}

void ModuleDictImpl::update(const Pairs& modules) {
  for (const auto& [name, module] : modules) {
    if (contains(name))
      replace_module(name, module);
    else
      register_module(name, module);
  }
}

std::shared_ptr<Module> ModuleDictImpl::pop(const std::string& name) {
  const std::shared_ptr<Module> module = children_[name];
  unregister_module(name);
  return module;
}

std::shared_ptr<Module> ModuleDictImpl::clone(const std::optional<Device>& device) const {
  auto copy = std::make_shared<ModuleDictImpl>();
  for (const auto& item : children_) copy->insert(item.key(), item.value()->clone(device));
  copy->copy_training(*this);
  return copy;
}

void ModuleDictImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::ModuleDict";
}

void FunctionalImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::Functional()";
}

}  // namespace tessera::nn
