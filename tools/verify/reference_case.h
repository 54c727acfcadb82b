// One reference case: a safetensors file with inputs, expected outputs and gradients, and what op made them.
// The format is that of golden/README.md: `kind`, `op`, `args` and `inputs` in the metadata.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "nn/serialize/safetensors.h"

namespace tessera::tools {

// Keyword arguments of a case. Each one that is read is ticked off: a case with an argument that its runner does not know is
// not passed by ignoring it.
class Arguments {
 public:
  explicit Arguments(nlohmann::json values) : values_(std::move(values)) {}
  bool has(const std::string& name) {
    read_.insert(name);
    return values_.contains(name) && !values_[name].is_null();
  }
  template <class T> T get(const std::string& name, T otherwise) { return has(name) ? values_[name].get<T>() : otherwise; }
  // A list of integers, or one integer as a list of one.
  std::vector<int64_t> ints(const std::string& name, std::vector<int64_t> otherwise = {}) {
    if (!has(name)) return otherwise;
    if (values_[name].is_array()) return values_[name].get<std::vector<int64_t>>();
    return {values_[name].get<int64_t>()};
  }
  std::vector<std::string> unread() const {
    std::vector<std::string> names;
    for (const auto& [name, value] : values_.items())
      if (read_.count(name) == 0) names.push_back(name);
    return names;
  }

 private:
  nlohmann::json values_;
  std::set<std::string> read_;
};

struct ReferenceCase {
  std::string name;  // the file's stem
  std::string kind;  // op, optim, lr, model, listing
  std::string op;
  nlohmann::json args;
  std::vector<std::string> inputs;
  SafeTensors content;
};

// Throws FileError naming the file if it is no safetensors file or lacks the metadata.
ReferenceCase load_case(const std::string& path);

// How a case went. `error` is the worst error of all tensors compared, each relative to the largest magnitude of its reference.
struct CaseResult {
  enum class Status { Passed, Failed, Unknown } status = Status::Passed;
  double error = 0;
  double tolerance = 0;
  std::string detail;  // what failed, or why it is unknown
};

struct VerifyOptions {
  Device device = kCPU;
  ScalarType dtype = kFloat64;
};

// Compares and keeps the worst. NaN fails by construction: a comparison passes only if error <= tolerance.
class Comparison {
 public:
  explicit Comparison(double tolerance) { result_.tolerance = tolerance; }
  // Integer and bool references must be met exactly.
  void tensor(const std::string& name, const Tensor& actual, const Tensor& expected);
  void error(const std::string& name, double error);  // an error computed elsewhere
  void fail(const std::string& what);
  const CaseResult& result() const { return result_; }

 private:
  CaseResult result_;
};

// Each throws tessera::Error where the op itself refuses the case.
CaseResult verify_op(const ReferenceCase& c, const VerifyOptions& options);
CaseResult verify_optimizer(const ReferenceCase& c, const VerifyOptions& options);
CaseResult verify_scheduler(const ReferenceCase& c);
CaseResult verify_model(const ReferenceCase& c, const VerifyOptions& options);
CaseResult verify_listing(const ReferenceCase& c);

}  // namespace tessera::tools
