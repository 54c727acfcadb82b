// What `tessera check-data` finds: defects of a data set, each with what to do about it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tessera::tools {

// error: training fails, or learns something else than what was meant. warning: likely a mistake. note: good to know.
enum class Severity { error, warning, note };
std::string to_string(Severity severity);

struct Finding {
  Severity severity = Severity::note;
  std::string code;                   // stable, for scripts: "missing-masks"
  std::string what;                   // one sentence without a full stop: "12 pictures of train have no mask"
  std::string remedy;                 // what to type or do: "add --mask-suffix _mask"
  int64_t count = 0;                  // files, pixels or classes, as `what` says
  std::vector<std::string> examples;  // a few file names or values

  bool is_error() const { return severity == Severity::error; }
};

// At most this many examples are named.
inline constexpr size_t kExamples = 3;

// "error: WHAT: a.png, b.png and 10 more. REMEDY." in one line.
std::string one_line(const Finding& finding);

// "a, b and 10 more", of `count` in all; "" for none.
std::string listed(const std::vector<std::string>& examples, int64_t count);

// "1 mask", "12 masks".
std::string counted(int64_t count, const std::string& one, const std::string& many = "");

}  // namespace tessera::tools
