#include "tools/event_file.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/ops.h"
#include "tests/tools/event_reader.h"

namespace tessera::tools {
namespace {

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

TEST_F(EventFileTest, IsCutBackToAStep) {
  {
    EventFile file(path(), 0);
    for (const int step : {1, 2, 300, 301}) file.scalar("loss", step, step);
    file.flush();
  }
  const std::string whole = read_text(only_file());
  cut_back_events(path(), 301);
  EXPECT_EQ(read_text(only_file()), whole);
  cut_back_events(path(), 300);
  EXPECT_EQ(logged(path()), (std::vector<std::string>{"loss 1", "loss 2", "loss 300"}));
  std::ofstream(only_file(), std::ios::app | std::ios::binary) << whole.substr(0, 20);  // as a kill leaves it
  cut_back_events(path(), 2);
  EXPECT_EQ(logged(path()), (std::vector<std::string>{"loss 1", "loss 2"}));
  std::ofstream(path() + "/other.txt") << "not ours";
  cut_back_events(path(), -1);
  EXPECT_EQ(read_text(only_file()), "not ours");
}

TEST_F(EventFileTest, ARecordThatWasNotWrittenToItsEndIsCutOff) {
  {
    EventFile file(path(), 0);
    file.scalar("loss", 1, 1);
    file.scalar("loss", 2, 2);
    file.flush();
  }
  std::filesystem::resize_file(only_file(), std::filesystem::file_size(only_file()) - 3);
  cut_back_events(path(), 5);
  EXPECT_EQ(logged(path()), (std::vector<std::string>{"loss 1"}));
}

TEST_F(EventFileTest, AStepThatIsLoggedUnderTheMarkOfTheNextOneStays) {
  {
    EventFile file(path(), 13);  // a run that was stopped in the validation after step 12, and went on
    file.scalar("val/loss", 1, 12);
    file.scalar("loss", 1, 13);
    file.flush();
  }
  cut_back_events(path(), 12);
  EXPECT_EQ(logged(path()), (std::vector<std::string>{"val/loss 12"}));
}

TEST_F(EventFileTest, OfAStepWithinAnEpochOnlyTheLossStays) {
  {
    EventFile file(path(), 0);
    file.scalar("train/loss", 1, 11);
    file.scalar("val/loss", 1, 11);
    file.scalar("train/loss", 1, 12);
    file.scalar("val/loss", 1, 12);  // logged, and killed before the epoch was saved
    file.flush();
  }
  cut_back_events(path(), 12, "train/loss");
  EXPECT_EQ(logged(path()), (std::vector<std::string>{"train/loss 11", "val/loss 11", "train/loss 12"}));
}

TEST_F(EventFileTest, AFolderThatIsNotThere) { EXPECT_THROW(EventFile(path() + "/none", 0), FileError); }

}  // namespace
}  // namespace tessera::tools
