// Replacing a file in one step.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

namespace tessera {

// Calls write(stream) on a new temporary file beside `path`, flushes it to the disk and renames it over `path`. A reader sees the
// old file or the whole new one. If anything fails (FileError for the file system, or what `write` throws), the old file stays as
// it was and no temporary is left.
void write_file_atomically(const std::string& path, const std::function<void(std::ostream&)>& write);

}  // namespace tessera
