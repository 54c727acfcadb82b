#include "nn/serialize/save.h"

#include <cstdlib>
#include <sstream>

#include "nn/serialize/state_dict.h"

namespace tessera {

SafeTensors to_safetensors(const Tensor& tensor) {
  return {{{"tensor", tensor.detach()}}, {}};
}

SafeTensors to_safetensors(const TensorList& tensors) {
  SafeTensors content;
  for (const Tensor& tensor : tensors) content.tensors.emplace_back(std::to_string(content.tensors.size()), tensor.detach());
  return content;
}

SafeTensors to_safetensors(const nn::Module& module) {
  return {nn::state_dict(module), {}};
}

SafeTensors to_safetensors(const optim::Optimizer& optimizer) {
  const optim::OptimizerState state = optimizer.state_dict();
  SafeTensors content{{state.tensors.begin(), state.tensors.end()}, {}};
  for (const auto& [name, value] : state.numbers) content.metadata[name] = fmt::format("{:a}", value);
  return content;
}

void from_safetensors(const SafeTensors& content, Tensor& tensor) {
  tensor = content.at("tensor");
}

void from_safetensors(const SafeTensors& content, TensorList& tensors) {
  TensorList loaded;
  for (size_t i = 0; i < content.tensors.size(); ++i) loaded.push_back(content.at(std::to_string(i)));
  tensors = std::move(loaded);
}

void from_safetensors(const SafeTensors& content, const nn::Module& module) {
  nn::load_state_dict(module, content.tensors);
}

void from_safetensors(const SafeTensors& content, optim::Optimizer& optimizer) {
  optim::OptimizerState state{{content.tensors.begin(), content.tensors.end()}, {}};
  for (const auto& [name, text] : content.metadata) {
    char* end = nullptr;
    state.numbers[name] = std::strtod(text.c_str(), &end);
    check<ValueError>(!text.empty() && *end == '\0', "load: \"{}\" of {} is no number", text, name);
  }
  optimizer.load_state_dict(state);
}

std::string safetensors_bytes(const SafeTensors& content) {
  std::ostringstream stream;
  save_safetensors(stream, content);
  return std::move(stream).str();
}

SafeTensors safetensors_of_bytes(const std::string& bytes) {
  std::istringstream stream(bytes);
  return load_safetensors(stream, "memory");
}

}  // namespace tessera
