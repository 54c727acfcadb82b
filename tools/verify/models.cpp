// Runs a reference case of a whole network: weights from a hash, one training pass with its gradients, then evaluation mode.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/ops.h"
#include "models/registry.h"
#include "models/squeeze_excite.h"
#include "tools/verify/reference_case.h"

namespace tessera::tools {
namespace {

// golden/README.md: numbers in [-1, 1) from an element's index and its tensor's number.
uint32_t hash32(uint32_t i, uint32_t j) {
  uint32_t x = i * 0x9E3779B1u + j * 0x85EBCA77u + 1u;
  x ^= x >> 16;
  x *= 0x7FEB352Du;
  x ^= x >> 15;
  x *= 0x846CA68Bu;
  return x ^ (x >> 16);
}
double unit(uint32_t i, uint32_t j) { return hash32(i, j) / 2147483648.0 - 1; }

Tensor from_hash(IntArrayRef sizes, uint32_t j, double scale, double shift) {
  Tensor t = empty(sizes, kFloat64);
  double* out = t.data_ptr<double>();
  for (int64_t i = 0; i < t.numel(); ++i) out[i] = shift + scale * unit(static_cast<uint32_t>(i), j);
  return t;
}

// `nudge` above 0 picks numbers by up to which each element is moved, relatively: 16 times float32's rounding.
void fill_parameter(const std::string& name, const Tensor& parameter, uint32_t j, uint32_t nudge) {
  NoGradGuard no_grad;
  if (parameter.dim() >= 2) {
    const double fan_in = static_cast<double>(parameter.numel()) / static_cast<double>(parameter.size(0));
    parameter.copy_(from_hash(parameter.sizes(), j, std::sqrt(6 / fan_in), 0));
  } else {
    parameter.copy_(from_hash(parameter.sizes(), j, 0.1, name.ends_with("weight") ? 1 : 0));
  }
  if (nudge > 0) parameter.mul_(from_hash(parameter.sizes(), 3000 + 1000 * nudge + j, std::ldexp(1.0, -20), 1));
}

// Sum, sum of magnitudes, first, middle and last element.
Tensor probe(const Tensor& x) {
  const Tensor flat = x.detach().cpu().to(kFloat64).contiguous().reshape({-1});
  const double* v = flat.data_ptr<double>();
  double total = 0, magnitude = 0;
  for (int64_t i = 0; i < flat.numel(); ++i) {
    total += v[i];
    magnitude += std::abs(v[i]);
  }
  return tensor({total, magnitude, v[0], v[flat.numel() / 2], v[flat.numel() - 1]}, kFloat64);
}

double largest(const Tensor& x) { return x.defined() ? max(abs(x.detach())).to(kFloat64).item<double>() : 0; }

// The relative error of a probe of five numbers: infinite where x is missing. `scale` is the largest magnitude involved in making
// x: single elements are compared relative to it, the two sums relative to as many such elements.
double probe_error(const Tensor& x, const Tensor& expected, double scale) {
  if (!x.defined()) return std::numeric_limits<double>::infinity();
  const Tensor actual = probe(x);
  double worst = 0;
  for (int64_t i = 0; i < 5; ++i) {
    const double difference = std::abs(actual[i].item<double>() - expected[i].item<double>());
    const double magnitude = i < 2 ? scale * static_cast<double>(x.numel()) : scale;
    const double error = magnitude > 0 ? difference / magnitude : difference;
    if (!(error <= worst)) worst = error;
    if (std::isnan(worst)) return worst;
  }
  return worst;
}

std::string module_of(const std::string& parameter) { return parameter.substr(0, parameter.rfind('.')); }

// The largest gradient in each module. A convolution's bias before a batch norm has the gradient 0 but for rounding: what that
// rounding is relative to shows in the gradient of the weight beside it.
std::map<std::string, double> largest_gradients(const nn::Module& model) {
  std::map<std::string, double> scales;
  for (const auto& item : model.named_parameters()) {
    double& scale = scales[module_of(item.key())];
    scale = std::max(scale, largest(item.value().grad()));
  }
  return scales;
}

using ParameterListing = std::vector<std::pair<std::string, std::vector<int64_t>>>;

ParameterListing listing(const ReferenceCase& c) {
  return nlohmann::json::parse(c.content.text("params")).get<ParameterListing>();
}

// The longest name of the registry that the case's name begins with: unet_fs16_deconv_bn is a "unet".
const models::ModelInfo* find_network(const std::string& op) {
  const models::ModelInfo* best = nullptr;
  for (const models::ModelInfo& info : models::list_models())
    if ((op + "_").starts_with(info.name + "_") && (best == nullptr || info.name.size() > best->name.size())) best = &info;
  return best;
}

// A setting's value as the registry takes it.
std::string setting_text(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// The network that a case names, with its arguments as settings; empty if it is not there or lacks one of them.
nn::AnyModule make_network(const ReferenceCase& c) {
  Arguments args(c.args);
  if (c.op.starts_with("se_block")) {
    const int64_t channel = args.get<int64_t>("channel", 0), reduction = args.get<int64_t>("reduction", 16);
    return args.unread().empty() ? models::SqueezeExcite(channel, reduction) : nn::AnyModule();
  }
  const models::ModelInfo* info = find_network(c.op);
  if (info == nullptr) return {};
  models::ModelOptions options;
  args.has("note");  // for people
  options.in_channels = args.get<int64_t>("in_channels", 3);
  options.num_classes = args.get<int64_t>(args.has("n_classes") ? "n_classes" : "num_classes", 2);
  for (const models::ModelSetting& setting : info->settings)
    if (args.has(setting.name)) options.settings[setting.name] = setting_text(c.args[setting.name]);
  return args.unread().empty() ? models::make_model(info->name, options) : nn::AnyModule();
}

CaseResult unknown_network(const ReferenceCase& c) {
  return {CaseResult::Status::Unknown, 0, 0, fmt::format("network {} with these arguments is unknown", c.op)};
}

// Names, order and shapes of the parameters.
bool compare_listing(Comparison& comparison, const nn::Module& module, const ParameterListing& expected) {
  const auto parameters = module.named_parameters();
  for (size_t j = 0; j < std::max(parameters.size(), expected.size()); ++j) {
    const bool same = j < parameters.size() && j < expected.size() && parameters[j].key() == expected[j].first &&
                      parameters[j].value().sizes() == IntArrayRef(expected[j].second);
    if (same) continue;
    const auto text = [](const std::string& name, IntArrayRef sizes) { return name + " " + to_string(sizes); };
    comparison.fail(fmt::format("parameter {} is {}, expected {}", j,
                                j < parameters.size() ? text(parameters[j].key(), parameters[j].value().sizes()) : "missing",
                                j < expected.size() ? text(expected[j].first, expected[j].second) : "none"));
    return false;
  }
  return true;
}

// Relative errors of the probes of gradients, by name; infinite where a gradient is missing or should not exist.
using GradientErrors = std::map<std::string, double>;

// A training pass and an evaluation in `dtype`. What comes forward is handed to the comparison, the gradients are returned.
GradientErrors run_network(const ReferenceCase& c, const VerifyOptions& options, uint32_t nudge, Comparison& comparison) {
  const nn::AnyModule network = make_network(c);
  nn::Module& model = *network.ptr();
  model.to(kFloat64);
  uint32_t j = 0;
  for (const auto& item : model.named_parameters()) fill_parameter(item.key(), item.value(), j++, nudge);
  model.to(options.device, options.dtype);

  const auto shape = nlohmann::json::parse(c.content.text("input_shape")).get<std::vector<int64_t>>();
  const Tensor input = from_hash(shape, 1000, 1.5, 0).to(options.dtype).to(options.device).requires_grad_();
  model.train();
  const Tensor out = network.forward(input);
  comparison.tensor("out", out, c.content.at("out"));

  const uint32_t classes = static_cast<uint32_t>(std::stoul(c.content.text("classes")));
  DimVector sizes = out.layout().sizes;
  sizes.erase(1);
  Tensor target = empty(sizes, kInt64);
  for (int64_t i = 0; i < target.numel(); ++i)
    target.data_ptr<int64_t>()[i] = (hash32(static_cast<uint32_t>(i), 2000) >> 8) % classes;
  const Tensor loss = cross_entropy(out, target.to(options.device));
  comparison.tensor("loss", loss, c.content.at("loss"));
  loss.backward();

  GradientErrors errors;
  errors["grad.input"] = probe_error(input.grad(), c.content.at("grad.input"), largest(input.grad()));
  const auto scales = largest_gradients(model);
  for (const auto& item : model.named_parameters()) {
    const std::string name = "grad." + item.key();
    if (const Tensor* expected = c.content.find(name))
      errors[name] = probe_error(item.value().grad(), *expected, scales.at(module_of(item.key())));
    else if (item.value().grad().defined())
      comparison.fail(name + " exists, though the output does not depend on the parameter");
  }
  for (const auto& item : model.named_buffers())
    if (const Tensor* expected = c.content.find("buffer." + item.key()))
      comparison.error("buffer." + item.key(), probe_error(item.value(), *expected, largest(item.value())));
  if (const Tensor* expected = c.content.find("out_eval")) {
    model.eval();
    NoGradGuard no_grad;
    const Tensor out_eval = network.forward(input.detach());
    comparison.error("out_eval", probe_error(out_eval, *expected, largest(out_eval)));
  }
  return errors;
}

constexpr double kTolerance64 = 1e-7, kTolerance32 = 1e-3;
constexpr uint32_t kNudges = 8;

// How far gradients of float64 lie from the reference when the parameters move by some roundings of float32. A ReLU whose
// argument is nearly zero, or a maximum of nearly equal numbers, makes them jump: there float32 may stand on either side, whoever
// computes it, so an error up to the jump says nothing. Ends once no error exceeds its jump by more than the tolerance. Empty if float64
// itself, without a nudge, misses the reference: then nothing is excused.
GradientErrors jumps(const ReferenceCase& c, const GradientErrors& errors, double tolerance) {
  GradientErrors largest_jumps;
  for (uint32_t nudge = 0; nudge <= kNudges; ++nudge) {
    Comparison unused(std::numeric_limits<double>::infinity());
    bool enough = nudge > 0;
    for (const auto& [name, moved] : run_network(c, {}, nudge, unused)) {
      if (nudge == 0 && !(moved <= kTolerance64)) return {};
      double& jump = largest_jumps[name];
      jump = std::max(jump, moved);
      enough = enough && errors.at(name) <= jump + tolerance;
    }
    if (enough) break;
  }
  return largest_jumps;
}

}  // namespace

CaseResult verify_listing(const ReferenceCase& c) {
  const nn::AnyModule network = make_network(c);
  if (network.is_empty()) return unknown_network(c);
  Comparison comparison(0);
  compare_listing(comparison, *network.ptr(), listing(c));
  return comparison.result();
}

// In float32 gradients beside a jump (jumps) pass too, and the result says how many; all that comes forward keeps to the
// tolerance.
CaseResult verify_model(const ReferenceCase& c, const VerifyOptions& options) {
  const nn::AnyModule network = make_network(c);
  if (network.is_empty()) return unknown_network(c);
  const double tolerance = options.dtype == kFloat64 ? kTolerance64 : kTolerance32;
  Comparison comparison(tolerance);
  if (!compare_listing(comparison, *network.ptr(), listing(c))) return comparison.result();
  const GradientErrors errors = run_network(c, options, 0, comparison);
  GradientErrors allowed;
  const auto is_large = [&](const auto& item) { return !(item.second <= tolerance); };
  if (options.dtype != kFloat64 && std::any_of(errors.begin(), errors.end(), is_large)) allowed = jumps(c, errors, tolerance);
  int64_t at_jumps = 0;
  double largest_error = 0;
  for (const auto& [name, error] : errors) {
    const bool at_jump = error > tolerance && error <= allowed[name] + tolerance;
    if (at_jump) ++at_jumps, largest_error = std::max(largest_error, error);
    comparison.error(name, at_jump ? tolerance : error);
  }
  CaseResult result = comparison.result();
  if (at_jumps > 0 && result.status == CaseResult::Status::Passed)
    result.detail = fmt::format("{} of {} gradients, off by up to {:.1e}, lie beside a jump: float64's move as far when the "
                                "weights move by 2^-20",
                                at_jumps, errors.size(), largest_error);
  return result;
}

}  // namespace tessera::tools
