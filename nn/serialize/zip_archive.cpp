#include "nn/serialize/zip_archive.h"

#include "core/error.h"
#include "nn/serialize/pickle.h"

#ifdef TESSERA_LIBZIP

#include <zip.h>

namespace tessera {
namespace {

std::string text_of(zip_error_t& error) {
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

}  // namespace

ZipArchive::ZipArchive(std::span<const uint8_t> bytes, const std::string& name) : bytes_(bytes), name_(name) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), /*freep=*/0, &error);
  if (source != nullptr) archive_ = zip_open_from_source(source, ZIP_RDONLY, &error);
  if (archive_ == nullptr) {
    zip_source_free(source);
    throw FileError(fmt::format("{}: a zip archive that is damaged or cut off ({})", name, text_of(error)));
  }
  zip_error_fini(&error);
}

ZipArchive::~ZipArchive() { zip_discard(archive_); }

std::optional<std::string> ZipArchive::find_suffix(const std::string& suffix) const {
  const zip_int64_t count = zip_get_num_entries(archive_, 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* path = zip_get_name(archive_, static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW);
    const std::string entry = path == nullptr ? "" : path;
    if (entry.ends_with(suffix) && entry.find('/') == entry.size() - suffix.size()) return entry;
  }
  return std::nullopt;
}

std::optional<uint64_t> ZipArchive::size_of(const std::string& entry) const {
  zip_stat_t status;
  zip_stat_init(&status);
  if (zip_stat(archive_, entry.c_str(), ZIP_FL_ENC_RAW, &status) != 0) return std::nullopt;
  constexpr zip_uint64_t kWanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
  check<FileError>((status.valid & kWanted) == kWanted, "{}: {}: its size is unknown", name_, printable(entry));
  check<FileError>(status.comp_method == ZIP_CM_STORE && status.size == status.comp_size,
                   "{}: {} is compressed; torch.save does not compress", name_, printable(entry));
  check<FileError>(status.size <= bytes_.size(), "{}: {} claims {} bytes in a file of {}", name_, printable(entry), status.size,
                   bytes_.size());
  return status.size;
}

void ZipArchive::read(const std::string& entry, std::span<uint8_t> to) const {
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> file(zip_fopen(archive_, entry.c_str(), ZIP_FL_ENC_RAW), &zip_fclose);
  bool good = file != nullptr;
  for (size_t got = 0; good && got < to.size();) {
    const zip_int64_t n = zip_fread(file.get(), to.data() + got, to.size() - got);
    good = n > 0;
    if (good) got += static_cast<size_t>(n);
  }
  uint8_t beyond = 0;  // libzip checks the sum when it meets the end
  if (good) good = zip_fread(file.get(), &beyond, 1) >= 0;
  if (!good) {
    const std::string why = file == nullptr ? zip_strerror(archive_) : zip_file_strerror(file.get());
    throw FileError(fmt::format("{}: {} cannot be read: {}", name_, printable(entry), why));
  }
}

}  // namespace tessera

#else

namespace tessera {

ZipArchive::ZipArchive(std::span<const uint8_t> bytes, const std::string& name) : bytes_(bytes), name_(name) {
  throw FileError(
      fmt::format("{}: a zip archive, and this build of Tessera is without libzip. Install libzip-dev and build again.", name));
}
ZipArchive::~ZipArchive() = default;
std::optional<std::string> ZipArchive::find_suffix(const std::string&) const { return std::nullopt; }
std::optional<uint64_t> ZipArchive::size_of(const std::string&) const { return std::nullopt; }
void ZipArchive::read(const std::string&, std::span<uint8_t>) const {}

}  // namespace tessera

#endif
