#include "tools/event_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "core/error.h"
#include "core/ops.h"

namespace tessera::tools {
namespace {

// --- Protobuf's wire format: each field is a key (number << 3 | wire type), then the value -----------------------------------

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}
template <class T> void put_raw(std::string& out, T value) {  // little-endian, as the machines this runs on
  static_assert(std::endian::native == std::endian::little);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
std::string varint_field(int number, int64_t value) {
  std::string out;
  put_varint(out, static_cast<uint64_t>(number) << 3 | 0);
  put_varint(out, static_cast<uint64_t>(value));
  return out;
}
std::string double_field(int number, double value) {
  std::string out;
  put_varint(out, static_cast<uint64_t>(number) << 3 | 1);
  put_raw(out, value);
  return out;
}
std::string float_field(int number, float value) {
  std::string out;
  put_varint(out, static_cast<uint64_t>(number) << 3 | 5);
  put_raw(out, value);
  return out;
}
std::string bytes_field(int number, const std::string& bytes) {  // strings, messages and packed numbers
  std::string out;
  put_varint(out, static_cast<uint64_t>(number) << 3 | 2);
  put_varint(out, bytes.size());
  return out + bytes;
}
std::string packed_doubles(int number, const std::vector<double>& values) {
  std::string bytes;
  for (const double value : values) put_raw(bytes, value);
  return bytes_field(number, bytes);
}

// --- The record's checksum ---------------------------------------------------------------------------------------------------

// CRC-32C (Castagnoli): polynomial 0x1EDC6F41, bits reversed. TFRecord rotates it and adds a constant, so that a checksum of data
// that holds checksums is none of them.
uint32_t masked_crc32c(const std::string& bytes) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> t{};
    for (uint32_t i = 0; i < 256; ++i) {
      t[i] = i;
      for (int bit = 0; bit < 8; ++bit) t[i] = t[i] >> 1 ^ (t[i] & 1 ? 0x82F63B78u : 0);
    }
    return t;
  }();
  uint32_t crc = 0xFFFFFFFFu;
  for (const char byte : bytes) crc = crc >> 8 ^ table[(crc ^ static_cast<uint8_t>(byte)) & 0xFF];
  crc = ~crc;
  return std::rotr(crc, 15) + 0xA282EAD8u;
}

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Event: double wall_time = 1, int64 step = 2, and one of string file_version = 3, Summary summary = 5, SessionLog session_log = 7
std::string event(int64_t step, const std::string& what) { return double_field(1, wall_time()) + varint_field(2, step) + what; }

std::string file_name(const std::string& folder) {
  char host[256] = "host";
  gethostname(host, sizeof host - 1);
  static int count = 0;  // two files of one second differ
  return fmt::format("{}/events.out.tfevents.{}.{}.{}.{}", folder, static_cast<int64_t>(wall_time()), host, getpid(), count++);
}

}  // namespace

EventFile::EventFile(const std::string& folder, int64_t first_step)
    : file_(file_name(folder)), stream_(file_, std::ios::binary | std::ios::app) {
  write(event(0, bytes_field(3, "brain.Event:2")));
  // SessionLog: status = 1 with START = 1
  if (first_step > 0) write(event(first_step, bytes_field(7, varint_field(1, 1))));
  flush();
}

void EventFile::write(const std::string& event) {
  std::string length;
  put_raw(length, static_cast<uint64_t>(event.size()));
  std::string record = length;
  put_raw(record, masked_crc32c(length));
  record += event;
  put_raw(record, masked_crc32c(event));
  stream_.write(record.data(), static_cast<std::streamsize>(record.size()));
}

void EventFile::flush() {
  stream_.flush();
  check<FileError>(stream_.good(), "{}: cannot be written: {}. Free some space, or choose another --output.", file_,
                   std::strerror(errno));
}

// Summary: repeated Value value = 1; Value: string tag = 1 and one of the fields below
void EventFile::summary(const std::string& tag, const std::string& value_field, int64_t step) {
  write(event(step, bytes_field(5, bytes_field(1, bytes_field(1, tag) + value_field))));
}

void EventFile::scalar(const std::string& tag, double value, int64_t step) {
  summary(tag, float_field(2, static_cast<float>(value)), step);  // float simple_value = 2
}

void EventFile::image(const std::string& tag, const data::Image& image, int64_t step) {
  const std::vector<uint8_t> png = data::encode_png(image);
  // Image image = 4: int32 height = 1, width = 2, colorspace = 3 (3 for RGB), bytes encoded_image_string = 4
  summary(tag,
          bytes_field(4, varint_field(1, image.height) + varint_field(2, image.width) + varint_field(3, 3) +
                             bytes_field(4, std::string(png.begin(), png.end()))),
          step);
}

void EventFile::histogram(const std::string& tag, const Tensor& values, int64_t step) {
  const Tensor flat = values.detach().cpu().to(kFloat64).contiguous().reshape({-1});
  const double* const x = flat.data_ptr<double>();
  double low = std::numeric_limits<double>::infinity(), high = -low, sum = 0, sum_squares = 0, count = 0;
  for (int64_t i = 0; i < flat.numel(); ++i) {
    if (!std::isfinite(x[i])) continue;
    low = std::min(low, x[i]), high = std::max(high, x[i]);
    sum += x[i], sum_squares += x[i] * x[i], ++count;
  }
  if (count == 0) return;
  const int bins = high > low ? 64 : 1;
  std::vector<double> limits(bins), counts(bins, 0.0);
  for (int b = 0; b < bins; ++b) limits[b] = b + 1 == bins ? high : low + (high - low) * (b + 1) / bins;
  const double bins_per_unit = bins > 1 ? bins / (high - low) : 0;
  for (int64_t i = 0; i < flat.numel(); ++i)
    if (std::isfinite(x[i])) ++counts[std::min(bins - 1, static_cast<int>((x[i] - low) * bins_per_unit))];
  // HistogramProto histo = 5: double min = 1, max = 2, num = 3, sum = 4, sum_squares = 5; packed doubles bucket_limit = 6 (the
  // bins' upper ends), bucket = 7
  summary(tag,
          bytes_field(5, double_field(1, low) + double_field(2, high) + double_field(3, count) + double_field(4, sum) +
                             double_field(5, sum_squares) + packed_doubles(6, limits) + packed_doubles(7, counts)),
          step);
}

}  // namespace tessera::tools
