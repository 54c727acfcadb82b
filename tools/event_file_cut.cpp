#include <algorithm>
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

uint64_t varint_at(const std::vector<uint8_t>& bytes, size_t& at, size_t end) {
  uint64_t value = 0;
  for (int shift = 0; at < end && shift < 64; shift += 7) {
    const uint8_t byte = bytes[at++];
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) break;
  }
  return value;
}

struct Summary {
  int64_t step = 0;
  std::string_view tag;
};

// What an Event says something about, as event_file.cpp writes it: the double wall_time (9 bytes), the key of int64 step and its
// varint, the summary, in it a value, in it first the tag. Step 0 for the file's first records: the mark of a session names the step
// after the checkpoint, while a run that was stopped in a validation then logs that validation under the checkpoint's own step.
Summary summary_of(const std::vector<uint8_t>& bytes, size_t at, size_t end) {
  const auto enter = [&](int field) {  // the field's content, if it comes next; returns its length
    if (at >= end || bytes[at] != (field << 3 | 2)) return uint64_t{0};
    return varint_at(bytes, ++at, end);
  };
  at += 9;
  if (at >= end || bytes[at++] != (2 << 3)) return {};
  const auto step = static_cast<int64_t>(varint_at(bytes, at, end));
  if (enter(5) == 0) return {};
  enter(1);
  const uint64_t length = std::min<uint64_t>(enter(1), end - at);
  return {step, {reinterpret_cast<const char*>(bytes.data()) + at, length}};
}

// The length of the part of an event file that says nothing about steps after `step`, and about `step` itself only what has the tag
// `last_tag`, if one is given: whole records of 8 bytes length, 4 bytes checksum, the event, 4 bytes checksum.
size_t kept_length(const std::vector<uint8_t>& bytes, int64_t step, std::string_view last_tag) {
  constexpr size_t kBefore = 12, kAfter = 4;
  size_t at = 0;
  while (bytes.size() - at >= kBefore + kAfter) {
    const auto length = number_at<uint64_t>(bytes, at);
    if (length > bytes.size() - at - kBefore - kAfter) break;
    const Summary summary = summary_of(bytes, at + kBefore, at + kBefore + length);
    if (summary.step > step || (summary.step == step && !last_tag.empty() && summary.tag != last_tag)) break;
    at += kBefore + length + kAfter;
  }
  return at;
}

}  // namespace

void cut_back_events(const std::string& folder, int64_t step, std::string_view last_tag) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (!entry.path().filename().string().starts_with("events.out.tfevents.") || !entry.is_regular_file()) continue;
    if (step < 0) {
      fs::remove(entry.path(), error);
    } else {
      const std::vector<uint8_t> bytes = data::read_file("train", entry.path());
      if (const size_t kept = kept_length(bytes, step, last_tag); kept < bytes.size()) fs::resize_file(entry.path(), kept, error);
    }
    check<FileError>(!error, "train: {}: cannot be cut back: {}. Check the folder and its permissions.", entry.path().string(),
                     error.message());
  }
}

}  // namespace tessera::tools
