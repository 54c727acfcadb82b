#include "bench/cuda/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/cuda.h"
#include "core/error.h"

namespace tessera::bench {
namespace {

struct Anchors {
  nlohmann::json ops = nlohmann::json::object();
  std::string gpu;
  double us(const std::string& key) const { return ops.contains(key) ? ops[key].at("us").get<double>() : 0; }
};

Anchors read_anchors(const std::string& file) {
  if (file.empty()) return {};
  std::ifstream stream(file);
  check<FileError>(stream.good(), "--anchors: {} cannot be read.", file);
  const nlohmann::json json = nlohmann::json::parse(stream, nullptr, /*allow_exceptions=*/false);
  check<FileError>(json.is_object() && json.contains("ops"), "--anchors: {} holds no object with \"ops\".", file);
  return {json["ops"], json.value("gpu", "")};
}

double work(const Row& row) { return row.flops > 0 ? row.flops : row.bytes; }

// TFLOP/s, or GB/s.
double rate(const Row& row, double us) { return work(row) / us * (row.flops > 0 ? 1e-6 : 1e-3); }

std::string number(double value) { return value == 0 ? "" : fmt::format("{:.{}f}", value, value < 10 ? 2 : value < 100 ? 1 : 0); }

}  // namespace

void write_table(const std::string& file, const std::vector<Row>& rows, const std::map<std::string, Measured>& measured,
                 const std::string& anchors, const std::string& command) {
  const Anchors pytorch = read_anchors(anchors);
  const bool same_gpu = pytorch.gpu == cuda::device_name();
  std::ofstream out(file);
  out << "# CUDA kernels on one " << cuda::device_name() << "\n\n"
      << "Made by `" << command << "`.\n\n"
      << "Device time, median of 10 replays of a CUDA graph, operands beyond the L2 cache; what is compared, and which bytes count, is "
         "said in `bench/cuda`. Ratios above 1: Tessera is faster. cuDNN ran in the same process on the same operands; PyTorch's figures "
         "(anchors) were measured earlier"
      << (pytorch.gpu.empty() || same_gpu ? "" : " on one " + pytorch.gpu) << ".\n\n"
      << "| op | µs | TFLOP/s or GB/s | % of ceiling | cuDNN, µs | ratio | PyTorch, µs | ratio |\n|---|---|---|---|---|---|---|---|\n";
  for (const Row& row : rows) {
    const auto it = measured.find(row.key);
    if (it == measured.end()) continue;
    const auto [us, cudnn_us] = it->second;
    double ceiling = 0;
    for (const Row& limit : rows) {
      if (limit.key != row.ceiling) continue;
      if (const auto found = measured.find(limit.key); found != measured.end()) ceiling = rate(limit, found->second.us);
      if (const double us = pytorch.us(limit.key); us > 0 && same_gpu) ceiling = std::max(ceiling, rate(limit, us));
    }
    const std::string share = ceiling > 0 ? fmt::format("{:.0f}", 100 * rate(row, us) / ceiling) : "";
    out << fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} |\n", row.key, number(us), number(rate(row, us)), share, number(cudnn_us),
                       number(cudnn_us / us), number(pytorch.us(row.key)), number(pytorch.us(row.key) / us));
  }
  check<FileError>(out.flush().good(), "--table: {} cannot be written.", file);
}

}  // namespace tessera::bench
