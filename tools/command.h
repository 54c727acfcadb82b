// The frame of the `tessera` command: its subcommands, its exit codes, and what errors look like.
//
// A subcommand lives in tools/NAME_command.{h,cpp}: `void register_NAME(CLI::App& app)` adds it with a one-line description, its
// options and a callback that does the work; command.cpp lists it. A callback that returns means success. For anything else it
// throws; run() turns what it throws into one line on stderr and the exit code:
//   UsageError                            2, "tessera NAME: ...", with a pointer to --help
//   tessera::Error and the standard's     1, "tessera: ..."
//   Exit                                  its code, and no line: the command has said all there is to say
#pragma once

#include <string>

#include "core/error.h"

namespace CLI {
class App;
}

namespace tessera::tools {

enum ExitCode : int { kSuccess = 0, kFailure = 1, kUsage = 2, kInterrupted = 130 };

// Flags that contradict each other or name nothing that exists.
struct UsageError : Error {
  using Error::Error;
};

struct Exit {
  int code;
};

// Prints "who: message" as one line on stderr, whatever the message is made of.
void report_error(const std::string& who, std::string message);

// Makes a folder and those above it. Throws FileError, "who: FOLDER: ...", and UsageError for no name.
void make_folder(const std::string& who, const std::string& folder);

// Parses the command line, runs the subcommand, returns the exit code. Throws nothing.
int run(int argc, char** argv);

}  // namespace tessera::tools
