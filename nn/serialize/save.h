// save and load of tensors, modules, optimizers and whatever writes itself into an archive, as libtorch names them. The format is
// safetensors: tensors under "tensor", "0", "1", ..., or their state-dict names; the numbers of an optimizer in the metadata, as
// hexadecimal floating-point text.
#pragma once

#include <concepts>
#include <functional>

#include "core/archive.h"
#include "nn/module_holder.h"
#include "nn/optim/optimizer.h"
#include "nn/serialize/safetensors.h"

namespace tessera {

SafeTensors to_safetensors(const Tensor& tensor);
SafeTensors to_safetensors(const TensorList& tensors);
SafeTensors to_safetensors(const nn::Module& module);
SafeTensors to_safetensors(const optim::Optimizer& optimizer);
// Samplers, and types of the user's own.
template <class T>
concept Archivable = requires(T& value, const T& constant, serialize::OutputArchive& output, serialize::InputArchive& input) {
  constant.save(output);
  value.load(input);
};
template <Archivable T> SafeTensors to_safetensors(const T& value) {
  serialize::OutputArchive archive;
  value.save(archive);
  return {archive.entries(), {}};
}
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
template <Archivable T> void from_safetensors(const SafeTensors& content, T& value) {
  serialize::InputArchive archive(content.tensors);
  value.load(archive);
}
template <class M> void from_safetensors(const SafeTensors& content, const std::shared_ptr<M>& module) {
  from_safetensors(content, static_cast<const nn::Module&>(*module));
}
template <class M> void from_safetensors(const SafeTensors& content, const nn::ModuleHolder<M>& module) {
  from_safetensors(content, static_cast<const nn::Module&>(*module));
}

std::string safetensors_bytes(const SafeTensors& content);
SafeTensors safetensors_of_bytes(const std::string& bytes);

// save(value, "file") or save(value, stream); load fills an existing value. Into memory: save(value, write) calls write(bytes,
// count); load(value, bytes, count), or load(value, read, size), where size() is the number of bytes and read(at, buffer, count)
// copies those from `at` on and returns how many it copied. FileError if that is not what was asked for.
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
template <class Value, std::invocable<const void*, size_t> Write> void save(const Value& value, const Write& write) {
  const std::string bytes = safetensors_bytes(to_safetensors(value));
  write(static_cast<const void*>(bytes.data()), bytes.size());
}
template <class Value> void load(Value& value, const char* bytes, size_t count) {
  from_safetensors(safetensors_of_bytes({bytes, count}), value);
}
template <class Value, std::invocable<uint64_t, void*, size_t> Read, std::invocable Size>
void load(Value& value, const Read& read, const Size& size) {
  std::string bytes(size(), '\0');
  check<FileError>(read(uint64_t{0}, bytes.data(), bytes.size()) == bytes.size(), "load: fewer bytes than {} were read",
                   bytes.size());
  load(value, bytes.data(), bytes.size());
}

}  // namespace tessera
