#include "data/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <ostream>
#include <system_error>

#include "core/atomic_file.h"
#include "core/error.h"

namespace tessera::data {
namespace fs = std::filesystem;
namespace {

constexpr size_t kLargestFile = size_t{1} << 30;

std::string message_of(int error_number) {
  return std::generic_category().message(error_number);
}

}  // namespace

void file_error(std::string_view operation, const fs::path& file, std::string_view problem, std::string_view remedy) {
  throw FileError(fmt::format("{}: {}: {}. {}", operation, file.string(), problem, remedy));
}

std::vector<uint8_t> read_file(std::string_view operation, const fs::path& file) {
  std::error_code status_error;
  const fs::file_status status = fs::status(file, status_error);
  if (!fs::exists(status)) file_error(operation, file, "there is no such file", "Check the path.");
  if (fs::is_directory(status)) file_error(operation, file, "it is a folder", "Name a file.");

  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(std::fopen(file.c_str(), "rb"), &std::fclose);
  if (!stream) file_error(operation, file, "cannot be opened: " + message_of(errno), "Check its permissions.");
  std::vector<uint8_t> bytes;
  constexpr size_t kBlock = 1 << 18;
  for (size_t got = kBlock; got == kBlock;) {
    const size_t before = bytes.size();
    if (before > kLargestFile) file_error(operation, file, "is larger than 1 GiB", "Use smaller files.");
    bytes.resize(before + kBlock);
    got = std::fread(bytes.data() + before, 1, kBlock, stream.get());
    bytes.resize(before + got);
  }
  if (std::ferror(stream.get())) file_error(operation, file, "cannot be read: " + message_of(errno), "Check the disk.");
  return bytes;
}

std::string lower_extension(const fs::path& file) {
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return extension;
}

void write_file(std::string_view operation, const fs::path& file, std::span<const uint8_t> bytes) {
  try {
    const auto write = [&](std::ostream& stream) {
      stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    };
    write_file_atomically(file.string(), write, Durability::Process);
  } catch (const FileError& error) {
    throw FileError(fmt::format("{}: {}", operation, error.what()));
  }
}

void check_declared_size(std::string_view operation, const fs::path& file, int64_t height, int64_t width, size_t bytes) {
  if (height <= 0 || width <= 0 || height > (int64_t{1} << 28) / width)
    file_error(operation, file, fmt::format("declares {}x{} pixels, outside 1 to 2^28", width, height),
               "Cut it into tiles, or copy it again if its header is damaged.");
  if (static_cast<size_t>(height * width) / 16384 > bytes)
    file_error(operation, file, fmt::format("declares {}x{} pixels in {} bytes, which cannot be", width, height, bytes),
               "Copy it again or remove it from the data set.");
}

}  // namespace tessera::data
