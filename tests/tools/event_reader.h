// Reading event files by the published format: TFRecord frames around protobuf messages (tools/event_file.h has the sources).
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "tests/tools/run_command.h"

namespace tessera::tools {

inline uint32_t crc32c(const std::string& bytes) {  // bit by bit
  uint32_t crc = ~0u;
  for (const char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
  }
  return ~crc;
}
inline uint32_t masked(const std::string& bytes) {
  const uint32_t crc = crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

template <class T> T number_at(const std::string& bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// A protobuf message: the fields by number. Varints and fixed numbers are kept as their 8 (or 4) bytes.
using Message = std::multimap<int, std::string>;

inline uint64_t varint(const std::string& bytes, size_t& at) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes.at(at++));
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
}

inline Message parse(const std::string& bytes) {
  Message message;
  for (size_t at = 0; at < bytes.size();) {
    const uint64_t key = varint(bytes, at);
    std::string value;
    if ((key & 7) == 0) {
      const uint64_t v = varint(bytes, at);
      value.assign(reinterpret_cast<const char*>(&v), 8);
    } else {
      const size_t size = (key & 7) == 1 ? 8 : (key & 7) == 5 ? 4 : varint(bytes, at);
      value = bytes.substr(at, size);
      EXPECT_EQ(value.size(), size);
      at += size;
    }
    message.emplace(static_cast<int>(key >> 3), value);
  }
  return message;
}

inline const std::string& field(const Message& message, int number) {
  const auto it = message.find(number);
  if (it == message.end()) throw std::runtime_error("no field " + std::to_string(number));
  return it->second;
}
inline double as_double(const std::string& bytes) { return number_at<double>(bytes, 0); }

inline std::vector<Message> events(const std::string& file) {
  const std::string bytes = read_text(file);
  std::vector<Message> result;
  for (size_t at = 0; at < bytes.size();) {
    const auto length = number_at<uint64_t>(bytes, at);
    EXPECT_EQ(number_at<uint32_t>(bytes, at + 8), masked(bytes.substr(at, 8)));
    const std::string data = bytes.substr(at + 12, length);
    EXPECT_EQ(number_at<uint32_t>(bytes, at + 12 + length), masked(data));
    result.push_back(parse(data));
    at += 16 + length;
  }
  return result;
}

// "TAG STEP" of all that the event files in a folder say, in the order of the files' names.
inline std::vector<std::string> logged(const std::filesystem::path& folder) {
  std::vector<std::string> files, result;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const std::string& file : files)
    for (const Message& event : events(file)) {
      if (!event.contains(5)) continue;
      const Message value = parse(field(parse(field(event, 5)), 1));
      result.push_back(field(value, 1) + " " + std::to_string(number_at<uint64_t>(field(event, 2), 0)));
    }
  return result;
}

}  // namespace tessera::tools
