#include <cstring>
#include <filesystem>

#include "data/file.h"
#include "tools/event_file.h"

namespace tessera::tools {
namespace {

namespace fs = std::filesystem;

template <class T> T number_at(const std::vector<uint8_t>& bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// The step that an Event says something about, as event_file.cpp writes it: the double wall_time (9 bytes), the key of int64 step
// and its varint, the summary. 0 for the file's first records: the mark of a session names the step after the checkpoint, while a
// run that was stopped in a validation then logs that validation under the checkpoint's own step.
int64_t step_of(const std::vector<uint8_t>& bytes, size_t at, size_t end) {
  at += 9;
  if (at >= end || bytes[at++] != (2 << 3)) return 0;
  uint64_t step = 0;
  for (int shift = 0; at < end && shift < 64; shift += 7) {
    const uint8_t byte = bytes[at++];
    step |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) break;
  }
  const bool is_summary = at < end && bytes[at] == (5 << 3 | 2);
  return is_summary ? static_cast<int64_t>(step) : 0;
}

// The length of the part of an event file that says nothing about steps after `step`: whole records of 8 bytes length, 4 bytes
// checksum, the event, 4 bytes checksum.
size_t kept_length(const std::vector<uint8_t>& bytes, int64_t step) {
  constexpr size_t kBefore = 12, kAfter = 4;
  size_t at = 0;
  while (bytes.size() - at >= kBefore + kAfter) {
    const auto length = number_at<uint64_t>(bytes, at);
    if (length > bytes.size() - at - kBefore - kAfter || step_of(bytes, at + kBefore, at + kBefore + length) > step) break;
    at += kBefore + length + kAfter;
  }
  return at;
}

}  // namespace

void cut_back_events(const std::string& folder, int64_t step) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (!entry.path().filename().string().starts_with("events.out.tfevents.") || !entry.is_regular_file()) continue;
    if (step < 0) {
      fs::remove(entry.path(), error);
    } else {
      const std::vector<uint8_t> bytes = data::read_file("train", entry.path());
      if (const size_t kept = kept_length(bytes, step); kept < bytes.size()) fs::resize_file(entry.path(), kept, error);
    }
    check<FileError>(!error, "train: {}: cannot be cut back: {}. Check the folder and its permissions.", entry.path().string(),
                     error.message());
  }
}

}  // namespace tessera::tools
