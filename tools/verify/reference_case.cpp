#include "tools/verify/reference_case.h"

#include <cmath>
#include <filesystem>

namespace tessera::tools {

ReferenceCase load_case(const std::string& path) {
  ReferenceCase c;
  c.name = std::filesystem::path(path).stem().string();
  c.content = load_safetensors(path);
  try {
    c.kind = c.content.text("kind");
    c.op = c.content.text("op");
    c.args = nlohmann::json::parse(c.content.text("args"));
    const auto inputs = c.content.metadata.find("inputs");
    if (inputs != c.content.metadata.end()) c.inputs = nlohmann::json::parse(inputs->second).get<std::vector<std::string>>();
  } catch (const std::exception& e) {
    throw FileError(
        fmt::format("{}: this is no reference case ({}). Cases carry kind, op and args in their metadata.", path, e.what()));
  }
  return c;
}

namespace {

// max |actual - expected| / max |expected|; infinite where a NaN or an infinity stands in one of the two only.
double relative_error(const Tensor& actual, const Tensor& expected) {
  const Tensor a = actual.detach().cpu().to(kFloat64).contiguous(), e = expected.to(kFloat64).contiguous();
  const double* x = a.data_ptr<double>();
  const double* y = e.data_ptr<double>();
  double largest = 0, worst = 0;
  for (int64_t i = 0; i < a.numel(); ++i) {
    const bool same = x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]));
    if (std::isfinite(y[i])) largest = std::max(largest, std::abs(y[i]));
    const double difference = same ? 0 : std::abs(x[i] - y[i]);
    worst = std::isfinite(difference) ? std::max(worst, difference) : std::numeric_limits<double>::infinity();
    if (!std::isfinite(worst)) return worst;
  }
  return largest > 0 ? worst / largest : worst;
}

}  // namespace

void Comparison::tensor(const std::string& name, const Tensor& actual, const Tensor& expected) {
  if (!actual.defined()) return fail(name + " is missing");
  if (!(actual.sizes() == expected.sizes()))
    return fail(fmt::format("{} has shape {}, expected {}", name, actual.sizes(), expected.sizes()));
  const double error = relative_error(actual, expected);
  if (expected.is_floating_point()) this->error(name, error);
  else if (!(error == 0)) fail(name + " differs (integers must be exact)");
}

void Comparison::error(const std::string& name, double error) {
  if (error <= result_.error) return;
  result_.error = error;
  if (!(error <= result_.tolerance)) fail(name);
}

void Comparison::fail(const std::string& what) {
  result_.status = CaseResult::Status::Failed;
  if (result_.detail.empty()) result_.detail = what;
}

}  // namespace tessera::tools
