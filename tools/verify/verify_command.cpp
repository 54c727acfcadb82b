#include "tools/verify/verify_command.h"

#include <algorithm>
#include <CLI/CLI.hpp>
#include <filesystem>

#include "core/kernel_table.h"
#include "tools/command.h"
#include "tools/verify/reference_case.h"

namespace tessera::tools {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> find_cases(const std::string& dir) {
  check<FileError>(fs::exists(dir), "verify: {}: there is no such folder or file. Name a folder of cases, or one case.", dir);
  if (!fs::is_directory(dir)) return {dir};
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(dir))
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path().string());
  check<FileError>(!files.empty(), "verify: {}: no .safetensors file lies below this folder. Name a folder of cases.", dir);
  std::sort(files.begin(), files.end());
  return files;
}

CaseResult run_case(const ReferenceCase& c, const VerifyOptions& options) {
  if (c.kind == "op") return verify_op(c, options);
  if (c.kind == "optim") return verify_optimizer(c, options);
  if (c.kind == "lr") return verify_scheduler(c);
  if (c.kind == "model") return verify_model(c, options);
  if (c.kind == "listing") return verify_listing(c);
  return {CaseResult::Status::Unknown, 0, 0, fmt::format("kind {} is unknown", c.kind)};
}

// One file. Whatever it does, it becomes a result, so that the other cases still run.
CaseResult run_file(const std::string& file, const VerifyOptions& options, std::string& op) {
  try {
    const ReferenceCase c = load_case(file);
    op = c.op;
    return run_case(c, options);
  } catch (const std::exception& e) {
    return {CaseResult::Status::Failed, 0, 0, e.what()};
  }
}

int verify(const std::string& dir, const VerifyOptions& options) {
  int64_t passed = 0, failed = 0, unknown = 0;
  const std::vector<std::string> files = find_cases(dir);
  fmt::print("{:<34} {:<34} {:>9}  {:>9}\n", "op", "case", "error", "tolerance");
  for (const std::string& file : files) {
    std::string op = "?";
    const CaseResult result = run_file(file, options, op);
    const bool ok = result.status == CaseResult::Status::Passed, known = result.status != CaseResult::Status::Unknown;
    ++(ok ? passed : known ? failed : unknown);
    fmt::print("{:<34} {:<34} {:>9.1e}  {:>9.1e}  {}{}\n", op, fs::path(file).stem().string(), result.error, result.tolerance,
               ok ? "ok" : known ? "FAIL" : "UNKNOWN", result.detail.empty() ? "" : ": " + result.detail);
  }
  fmt::print("{} passed, {} failed, {} unknown\n", passed, failed, unknown);
  return failed + unknown == 0 ? kSuccess : kFailure;
}

}  // namespace

void register_verify(CLI::App& app) {
  struct Flags {
    std::string dir, device = "cpu", dtype = "float64", kernels = "best";
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("verify", "Run reference cases and compare outputs and gradients");
  command->add_option("DIR", flags->dir, "Folder of cases (.safetensors, searched below), or one case")->required();
  command->add_option("--device", flags->device, "cpu")->capture_default_str();
  command->add_option("--dtype", flags->dtype, "float64 or float32")
      ->check(CLI::IsMember({"float64", "float32"}))
      ->capture_default_str();
  command->add_option("--kernels", flags->kernels, "best, reference, or a list such as conv2d=reference")->capture_default_str();
  command->callback([flags] {
    set_kernels(flags->kernels);
    const int code = verify(flags->dir, {Device(flags->device), flags->dtype == "float64" ? kFloat64 : kFloat32});
    if (code != kSuccess) throw Exit{code};
  });
}

}  // namespace tessera::tools
