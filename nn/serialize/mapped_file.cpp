#include "nn/serialize/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/error.h"

namespace tessera {

MappedFile::MappedFile(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // of a pipe, too, without waiting for a writer
  struct stat status {};
  int error = descriptor < 0 || ::fstat(descriptor, &status) != 0 ? errno : 0;
  const bool regular = error == 0 && S_ISREG(status.st_mode);
  void* data = nullptr;
  if (regular && status.st_size > 0) {
    data = ::mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (data == MAP_FAILED) error = errno;
  }
  if (descriptor >= 0) ::close(descriptor);
  check<FileError>(error != ENOENT, "{}: there is no such file", path);
  check<FileError>(error == 0, "{}: cannot be read: {}", path, std::generic_category().message(error));
  check<FileError>(regular, "{}: is no regular file", path);
  bytes_ = {static_cast<const uint8_t*>(data), static_cast<size_t>(status.st_size)};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
}

}  // namespace tessera
