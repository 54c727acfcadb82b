#include "core/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <ostream>
#include <streambuf>
#include <system_error>

#include "core/error.h"

namespace tessera {
namespace {

[[noreturn]] void fail(const std::string& path, int error) {
  const char* remedy = error == ENOSPC || error == EDQUOT || error == EFBIG ? "Free some space or choose another disk."
                       : error == ENOENT                                    ? "Make its folder first."
                                                                            : "Check the folder and its permissions.";
  throw FileError(fmt::format("{}: cannot be written: {}. {}", path, std::generic_category().message(error), remedy));
}

// An output buffer over a file descriptor, which it closes. It keeps the first error.
class DescriptorBuffer : public std::streambuf {
 public:
  explicit DescriptorBuffer(int descriptor) : descriptor_(descriptor) { setp(buffer_.data(), buffer_.data() + buffer_.size()); }
  ~DescriptorBuffer() override { close(); }
  int error() const { return error_; }

  void close() {
    sync();
    if (descriptor_ >= 0 && ::close(descriptor_) != 0) note(errno);
    descriptor_ = -1;
  }
  // Makes the system say whether it takes what was written: network file systems and quotas report a full disk only at the end.
  void finish(Durability durability) {
    sync();
    if (durability == Durability::Machine) {
      if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != EROFS) note(errno);  // EINVAL: a file system without it
    } else if (const int copy = ::dup(descriptor_); copy >= 0 && ::close(copy) != 0) {
      note(errno);
    }
  }

 protected:
  int sync() override {
    write_all(pbase(), static_cast<size_t>(pptr() - pbase()));
    setp(buffer_.data(), buffer_.data() + buffer_.size());
    return error_ == 0 ? 0 : -1;
  }
  int_type overflow(int_type c) override {
    if (sync() != 0) return traits_type::eof();
    return traits_type::eq_int_type(c, traits_type::eof()) ? traits_type::not_eof(c) : sputc(traits_type::to_char_type(c));
  }
  std::streamsize xsputn(const char* data, std::streamsize count) override {
    if (count < epptr() - pptr()) return std::streambuf::xsputn(data, count);
    if (sync() != 0) return 0;
    write_all(data, static_cast<size_t>(count));
    return error_ == 0 ? count : 0;
  }

 private:
  void note(int error) {
    if (error_ == 0) error_ = error;
  }
  void write_all(const char* data, size_t count) {
    while (count > 0 && error_ == 0) {
      const ssize_t written = ::write(descriptor_, data, count);
      if (written > 0) {
        data += written;
        count -= static_cast<size_t>(written);
      } else if (written == 0 || errno != EINTR) {
        note(written == 0 ? ENOSPC : errno);
      }
    }
  }

  int descriptor_, error_ = 0;
  std::array<char, 1 << 16> buffer_;
};

// Opens the temporary file, empty, locked against other writers of the same path. Another writer may have renamed or removed it
// while this one waited for the lock: then it is opened anew.
int open_temporary(const std::string& temporary, const std::string& path) {
  for (;;) {
    const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (descriptor < 0) fail(path, errno);
    while (::flock(descriptor, LOCK_EX) != 0 && errno == EINTR) continue;  // a file system without locks: no waiting
    struct stat opened {
    }, named{};
    const bool same = ::fstat(descriptor, &opened) == 0 && ::lstat(temporary.c_str(), &named) == 0 &&
                      opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
    if (same && ::ftruncate(descriptor, 0) == 0) return descriptor;
    const int error = errno;
    ::close(descriptor);
    if (same) fail(path, error);
  }
}

// Removes the file unless it was renamed away. The lock is still held then, so that it is nobody else's.
struct Temporary {
  std::string path;
  ~Temporary() {
    if (!path.empty()) ::unlink(path.c_str());
  }
};

void run(const std::function<void(std::ostream&)>& write, DescriptorBuffer& buffer) {
  std::ostream stream(&buffer);
  write(stream);
  stream.flush();
}

}  // namespace

void write_file_atomically(const std::string& path, const std::function<void(std::ostream&)>& write, Durability durability) {
  struct stat target {};
  if (::stat(path.c_str(), &target) == 0 && !S_ISREG(target.st_mode)) {
    check<FileError>(!S_ISDIR(target.st_mode), "{}: it is a folder. Name a file.", path);
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) fail(path, errno);
    DescriptorBuffer buffer(descriptor);
    run(write, buffer);
    buffer.close();
    if (buffer.error() != 0) fail(path, buffer.error());
    return;
  }

  const std::string temporary = path + ".tessera-tmp";
  DescriptorBuffer buffer(open_temporary(temporary, path));
  Temporary guard{temporary};
  run(write, buffer);
  buffer.finish(durability);
  if (buffer.error() != 0) fail(path, buffer.error());
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail(path, errno);
  guard.path.clear();
  if (durability == Durability::Process) return;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;  // a folder that may be written and not read
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace tessera
