// save and load of tensors, modules and optimizers, as libtorch names them. The format is safetensors: tensors under "tensor",
// "0", "1", ..., or their state-dict names; the numbers of an optimizer in the metadata, as hexadecimal floating-point text.
#pragma once

#include "nn/module_holder.h"
#include "nn/optim/optimizer.h"
#include "nn/serialize/safetensors.h"

namespace tessera {

SafeTensors to_safetensors(const Tensor& tensor);
SafeTensors to_safetensors(const TensorList& tensors);
SafeTensors to_safetensors(const nn::Module& module);
SafeTensors to_safetensors(const optim::Optimizer& optimizer);
template <class M> SafeTensors to_safetensors(const std::shared_ptr<M>& module) {
  return to_safetensors(*module);
}
template <class M> SafeTensors to_safetensors(const nn::ModuleHolder<M>& module) {
  return to_safetensors(*module);
}

// What does not fit the value (other names, shapes) throws ValueError.
void from_safetensors(const SafeTensors& content, Tensor& tensor);
void from_safetensors(const SafeTensors& content, TensorList& tensors);
void from_safetensors(const SafeTensors& content, const nn::Module& module);
void from_safetensors(const SafeTensors& content, optim::Optimizer& optimizer);
template <class M> void from_safetensors(const SafeTensors& content, const std::shared_ptr<M>& module) {
  from_safetensors(content, static_cast<const nn::Module&>(*module));
}
template <class M> void from_safetensors(const SafeTensors& content, const nn::ModuleHolder<M>& module) {
  from_safetensors(content, static_cast<const nn::Module&>(*module));
}

// save(value, "file") or save(value, stream); load fills an existing value.
template <class Value> void save(const Value& value, const std::string& path) {
  save_safetensors(path, to_safetensors(value));
}
template <class Value> void save(const Value& value, std::ostream& stream) {
  save_safetensors(stream, to_safetensors(value));
}
template <class Value> void load(Value& value, const std::string& path) {
  from_safetensors(load_safetensors(path), value);
}
template <class Value> void load(Value& value, std::istream& stream) {
  from_safetensors(load_safetensors(stream, "stream"), value);
}

}  // namespace tessera
