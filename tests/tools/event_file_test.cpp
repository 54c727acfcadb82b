// Reads event files back by the published format: TFRecord frames around protobuf messages (see event_file.h for the sources).
#include "tools/event_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>

#include "core/ops.h"
#include "tests/tools/run_command.h"

namespace tessera::tools {
namespace {

uint32_t crc32c(const std::string& bytes) {  // bit by bit
  uint32_t crc = ~0u;
  for (const char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
  }
  return ~crc;
}
uint32_t masked(const std::string& bytes) {
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

uint64_t varint(const std::string& bytes, size_t& at) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes.at(at++));
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
}

Message parse(const std::string& bytes) {
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

const std::string& field(const Message& message, int number) {
  const auto it = message.find(number);
  if (it == message.end()) throw std::runtime_error("no field " + std::to_string(number));
  return it->second;
}
double as_double(const std::string& bytes) { return number_at<double>(bytes, 0); }

std::vector<Message> events(const std::string& file) {
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

class EventFileTest : public testing::Test {
 protected:
  std::string only_file() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) names.push_back(entry.path().string());
    EXPECT_EQ(names.size(), 1u);
    return names.at(0);
  }
  std::string path() const { return folder_.path().string(); }
  data::TemporaryFolder folder_;
};

TEST(Crc32c, ThePublishedCheckValue) { EXPECT_EQ(crc32c("123456789"), 0xE3069283u); }

TEST_F(EventFileTest, ScalarsWithTagAndStep) {
  {
    EventFile file(path(), 0);
    file.scalar("train/loss", 0.25, 7);
    file.scalar("lr", 1e-3, 300);
    file.flush();
  }
  EXPECT_NE(only_file().find("events.out.tfevents."), std::string::npos);
  const std::vector<Message> all = events(only_file());
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(field(all[0], 3), "brain.Event:2");
  const Message value = parse(field(parse(field(all[1], 5)), 1));
  EXPECT_EQ(number_at<uint64_t>(field(all[1], 2), 0), 7u);
  EXPECT_GT(as_double(field(all[1], 1)), 1.6e9);  // seconds since 1970
  EXPECT_EQ(field(value, 1), "train/loss");
  EXPECT_EQ(number_at<float>(field(value, 2), 0), 0.25f);
  EXPECT_EQ(number_at<uint64_t>(field(all[2], 2), 0), 300u);
}

TEST_F(EventFileTest, AResumedRunTellsWhereItGoesOn) {
  EventFile(path(), 41);
  const std::vector<Message> all = events(only_file());
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(number_at<uint64_t>(field(all[1], 2), 0), 41u);
  EXPECT_EQ(number_at<uint64_t>(field(parse(field(all[1], 7)), 1), 0), 1u);  // SessionLog START
}

TEST_F(EventFileTest, ImagesArePngFiles) {
  data::Image image(3, 5);
  image.pixels[4] = 200;
  {
    EventFile file(path(), 0);
    file.image("val/pred", image, 1);
    file.flush();
  }
  const Message value = parse(field(parse(field(events(only_file()).at(1), 5)), 1));
  const Message picture = parse(field(value, 4));
  EXPECT_EQ(number_at<uint64_t>(field(picture, 1), 0), 3u);
  EXPECT_EQ(number_at<uint64_t>(field(picture, 2), 0), 5u);
  std::ofstream(path() + "/x.png", std::ios::binary) << field(picture, 4);
  EXPECT_EQ(data::read_image(path() + "/x.png"), image);
}

TEST_F(EventFileTest, HistogramCountsEveryFiniteElement) {
  {
    EventFile file(path(), 0);
    file.histogram("weights", tensor({-1.0, 0.0, 0.5, 3.0, std::nan("")}), 2);
    file.histogram("constant", full({3}, 2.0), 2);
    file.histogram("nothing", full({3}, std::nan("")), 2);
    file.flush();
  }
  const std::vector<Message> all = events(only_file());
  ASSERT_EQ(all.size(), 3u);  // nothing finite: no event
  const Message histogram = parse(field(parse(field(parse(field(all[1], 5)), 1)), 5));
  EXPECT_EQ(as_double(field(histogram, 1)), -1);
  EXPECT_EQ(as_double(field(histogram, 2)), 3);
  EXPECT_EQ(as_double(field(histogram, 3)), 4);
  EXPECT_EQ(as_double(field(histogram, 4)), 2.5);
  EXPECT_EQ(as_double(field(histogram, 5)), 10.25);
  const std::string &limits = field(histogram, 6), &counts = field(histogram, 7);
  ASSERT_EQ(limits.size(), counts.size());
  double total = 0, below = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < limits.size(); i += 8) {
    total += number_at<double>(counts, i);
    EXPECT_GT(number_at<double>(limits, i), below);
    below = number_at<double>(limits, i);
  }
  EXPECT_EQ(total, 4);
  EXPECT_EQ(below, 3);
  EXPECT_EQ(number_at<double>(counts, 0), 1);                  // -1
  EXPECT_EQ(number_at<double>(counts, counts.size() - 8), 1);  // 3
  const Message constant = parse(field(parse(field(parse(field(all[2], 5)), 1)), 5));
  EXPECT_EQ(as_double(field(constant, 7)), 3);
}

TEST_F(EventFileTest, AFolderThatIsNotThere) { EXPECT_THROW(EventFile(path() + "/none", 0), FileError); }

}  // namespace
}  // namespace tessera::tools
