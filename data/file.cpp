#include "data/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "core/error.h"

namespace tessera::data {
namespace fs = std::filesystem;
namespace {

constexpr size_t kLargestFile = size_t{1} << 30;

std::string message_of(int error_number) {
  return std::generic_category().message(error_number);
}

// Writes all bytes and closes the descriptor. Returns 0 or the error number. close() is checked too: network file systems and
// quotas report a full disk only there.
int write_and_close(int descriptor, std::span<const uint8_t> bytes) {
  int error = 0;
  while (!bytes.empty() && error == 0) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written > 0)
      bytes = bytes.subspan(static_cast<size_t>(written));
    else if (written == 0)
      error = ENOSPC;
    else if (errno != EINTR)
      error = errno;
  }
  if (::close(descriptor) != 0 && error == 0) error = errno;
  return error;
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

void write_file(std::string_view operation, const fs::path& file, std::span<const uint8_t> bytes) {
  const auto fail = [&](int error) {
    const char* remedy = error == ENOSPC || error == EDQUOT || error == EFBIG ? "Free some space or choose another disk."
                         : error == ENOENT                                    ? "Make its folder first."
                                                                              : "Check the folder and its permissions.";
    file_error(operation, file, "cannot be written: " + message_of(error), remedy);
  };
  std::error_code status_error;
  const fs::file_status status = fs::status(file, status_error);
  if (fs::is_directory(status)) file_error(operation, file, "it is a folder", "Name a file.");
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) fail(errno);
    if (const int error = write_and_close(descriptor, bytes)) fail(error);
    return;
  }

  static std::atomic<uint64_t> counter = 0;  // several threads may write the same file: each has its own temporary name
  const std::string temporary = fmt::format("{}.tmp-{}-{}", file.string(), ::getpid(), counter++);
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0) fail(errno);
  int error = write_and_close(descriptor, bytes);
  if (error == 0 && std::rename(temporary.c_str(), file.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(temporary.c_str());
    fail(error);
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
