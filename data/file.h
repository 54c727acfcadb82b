// Whole files in and out, with errors that name the file and the remedy.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::data {

// Throws the error of everything that reads or writes a file here: "operation: FILE: problem. Remedy." in one line.
[[noreturn]] void file_error(std::string_view operation, const std::filesystem::path& file, std::string_view problem,
                             std::string_view remedy);

// The bytes of a file. `operation` is the caller's name, for the error. Errors: missing, a folder, unreadable, above 1 GiB.
std::vector<uint8_t> read_file(std::string_view operation, const std::filesystem::path& file);

// The ending of a file's name in small letters: ".png" of "A.PNG", "" where there is none.
std::string lower_extension(const std::filesystem::path& file);

// Writes a file whole or not at all (core/atomic_file.h), without waiting for the disk.
void write_file(std::string_view operation, const std::filesystem::path& file, std::span<const uint8_t> bytes);

// Refuses an image header that lies, before anything is allocated for it: a size that is not positive, more than 2^28 pixels, or
// more pixels than `bytes` of the best compressed file can hold (16384 a byte: PNG packs at most 1032 to 1, on 8 pixels a byte).
void check_declared_size(std::string_view operation, const std::filesystem::path& file, int64_t height, int64_t width,
                         size_t bytes);

}  // namespace tessera::data
