// A network filled from the hash of golden/README.md, and its comparison with the stored run.
#pragma once

#include <cmath>

#include "core/ops.h"
#include "nn/containers.h"
#include "tests/support/golden.h"

namespace tessera::testing_support {

inline uint32_t hash32(uint32_t i, uint32_t j) {
  uint32_t x = i * 0x9E3779B1u + j * 0x85EBCA77u + 1;
  x ^= x >> 16;
  x *= 0x7FEB352Du;
  x ^= x >> 15;
  x *= 0x846CA68Bu;
  return x ^ (x >> 16);
}
inline double unit(uint32_t i, uint32_t j) {
  return static_cast<double>(hash32(i, j)) / 2147483648.0 - 1;
}

template <class F> Tensor filled(IntArrayRef sizes, F&& value) {
  Tensor out = empty(sizes, kFloat64);
  for (int64_t i = 0; i < out.numel(); ++i) out.data_ptr<double>()[i] = value(static_cast<uint32_t>(i));
  return out;
}

// sum, sum of magnitudes, first, middle and last element
inline std::vector<double> probe(const Tensor& tensor) {
  const std::vector<double> x = numbers(tensor);
  double sum = 0, magnitudes = 0;
  for (double v : x) sum += v, magnitudes += std::abs(v);
  return {sum, magnitudes, x.front(), x[x.size() / 2], x.back()};
}

// Runs the stored forward and backward pass in float64 and compares all that the file holds. The input is channels-last if
// `format` says so.
inline void check_network(const SafeTensors& golden, const nn::AnyModule& network, MemoryFormat format) {
  constexpr double kTolerance = 1e-7;
  nn::Module& module = *network.ptr();
  module.to(kFloat64);
  const nlohmann::json listing = nlohmann::json::parse(golden.text("params"));
  const auto parameters = module.named_parameters();
  ASSERT_EQ(parameters.size(), listing.size());
  for (size_t j = 0; j < listing.size(); ++j) {
    const std::string name = listing[j][0];
    const auto shape = listing[j][1].get<std::vector<int64_t>>();
    const Tensor& parameter = *parameters[j];
    ASSERT_EQ(parameters[j].key(), name);
    ASSERT_TRUE(parameter.sizes() == IntArrayRef(shape)) << name;
    const double scale =
        shape.size() > 1 ? std::sqrt(6.0 / (static_cast<double>(parameter.numel()) / static_cast<double>(shape[0]))) : 0.1;
    const double shift = shape.size() == 1 && name.ends_with("weight") ? 1 : 0;
    const NoGradGuard no_grad;
    parameter.copy_(filled(shape, [&](uint32_t i) { return shift + unit(i, static_cast<uint32_t>(j)) * scale; }));
  }
  const auto shape = nlohmann::json::parse(golden.text("input_shape")).get<std::vector<int64_t>>();
  const uint32_t classes = static_cast<uint32_t>(std::stoi(golden.text("classes")));
  const Tensor input = filled(shape, [](uint32_t i) { return 1.5 * unit(i, 1000); }).contiguous(format).requires_grad_();

  module.train();
  const Tensor out = network.forward(input);
  expect_close(numbers(out), numbers(golden.at("out")), kTolerance, "out");
  std::vector<int64_t> target_shape(out.sizes().begin(), out.sizes().end());
  target_shape.erase(target_shape.begin() + 1);
  const Tensor target = filled(target_shape, [&](uint32_t i) { return (hash32(i, 2000) >> 8) % classes; }).to(kInt64);
  const Tensor loss = cross_entropy(out, target);
  EXPECT_NEAR(loss.item<double>(), golden.at("loss").item<double>(), kTolerance * std::abs(golden.at("loss").item<double>()));
  loss.backward();
  size_t compared = 3;
  const auto compare = [&](const std::string& name, const Tensor& tensor, double least_scale = 0) {
    expect_close(probe(tensor), numbers(golden.at(name)), kTolerance, name, least_scale);
    ++compared;
  };
  compare("grad.input", input.grad());
  for (const auto& parameter : parameters) {
    // The gradient of a bias before batch normalisation is zero but for rounding: it is measured on the scale of the layer's
    // weight.
    std::string weight = "grad." + parameter.key();
    if (weight.ends_with(".bias")) weight.replace(weight.size() - 4, 4, "weight");
    compare("grad." + parameter.key(), parameter->grad(), largest(numbers(golden.at(weight))));
  }
  for (const auto& buffer : module.named_buffers())
    if (golden.find("buffer." + buffer.key()) != nullptr) compare("buffer." + buffer.key(), *buffer);
  module.eval();
  const NoGradGuard no_grad;
  expect_close(probe(network.forward(input)), numbers(golden.at("out_eval")), kTolerance, "out_eval");
  EXPECT_EQ(compared, golden.tensors.size());
}

}  // namespace tessera::testing_support
