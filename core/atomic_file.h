// Replacing a file in one step.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

namespace tessera {

// Whether a file must survive the machine's crash, which costs a flush to the disk, or the program's alone.
enum class Durability { Process, Machine };

// Calls write(stream) on the file PATH.tessera-tmp and renames that to `path`: a reader sees the old file or the whole new one.
// If anything fails (FileError "PATH: problem. Remedy." for the file system, or what `write` throws), the old file stays and the
// temporary one is removed. A program that is killed leaves the temporary file; the next write of `path` takes it over, so that
// they never pile up. Writers of the same path wait for each other. A target that exists and is no regular file (a device, a
// pipe) is written directly.
void write_file_atomically(const std::string& path, const std::function<void(std::ostream&)>& write,
                           Durability durability = Durability::Machine);

}  // namespace tessera
