#include "nn/containers.h"

#include <ostream>

namespace tessera::nn {

SequentialImpl::SequentialImpl(std::initializer_list<NamedAnyModule> modules) {
  for (const NamedAnyModule& named : modules) push_back(named.name, named.module);
}

Tensor SequentialImpl::forward(const Tensor& input) {
  check<ValueError>(!modules_.empty(), "Sequential: it is empty");
  Tensor x = input;
  for (const AnyModule& module : modules_) x = module.forward(x);
  return x;
}

void SequentialImpl::push_back(std::string name, AnyModule module) {
  register_module(std::move(name), module.ptr());
  modules_.push_back(std::move(module));
}

void SequentialImpl::extend(const SequentialImpl& other) {
  const std::vector<AnyModule> added = other.modules_;
  for (const AnyModule& module : added) push_back(module);
}

std::shared_ptr<SequentialImpl> SequentialImpl::slice(size_t begin, size_t end) const {
  check<IndexError>(begin <= end && end <= size(), "Sequential: slice({}, {}) does not lie within {} modules", begin, end, size());
  auto part = std::make_shared<SequentialImpl>();
  for (size_t i = begin; i < end; ++i) part->push_back(children_[i].key(), modules_[i]);
  return part;
}

std::shared_ptr<Module> SequentialImpl::clone(std::optional<Device> device) const {
  auto copy = std::make_shared<SequentialImpl>();
  for (size_t i = 0; i < modules_.size(); ++i) copy->push_back(children_[i].key(), modules_[i].clone(device));
  copy->train(is_training());
  for (size_t i = 0; i < modules_.size(); ++i) copy->ptr(i)->train(ptr(i)->is_training());
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
  return children_[index].value();
}

void ModuleListImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::ModuleList";
}
void ModuleDictImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::ModuleDict";
}
void FunctionalImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::Functional()";
}

}  // namespace tessera::nn
