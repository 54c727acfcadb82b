#include "data/mat.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "data/open_dataset.h"
#include "tests/data/mat_file.h"
#include "tests/data/temporary_folder.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;

class Mat : public testing::Test {
 protected:
  void SetUp() override {
    const std::string message = message_of<FileError>([&] { read_mat_label(folder_ / "none.mat"); });
    if (contains(message, "this build reads no MATLAB files")) GTEST_SKIP() << message;
  }
  fs::path put(const std::string& bytes) const {
    std::ofstream(folder_ / "a.mat", std::ios::binary) << bytes;
    return folder_ / "a.mat";
  }
  std::string error_of(const std::string& bytes, const std::string& variable = "") const {
    const fs::path file = put(bytes);
    return message_of<FileError>([&] { read_mat_label(file, variable); });
  }
  const TemporaryFolder folder_;
};

// 2 rows, 3 columns: [[1, 2, 3], [4, 5, 6]].
const std::vector<uint8_t> kColumns = {1, 4, 2, 5, 3, 6};
void expect_the_matrix(const Label& label) {
  EXPECT_EQ(label.height, 2);
  EXPECT_EQ(label.width, 3);
  EXPECT_EQ(label.ids, (std::vector<int32_t>{1, 2, 3, 4, 5, 6}));
}

TEST_F(Mat, ReadsBytesAndWholeDoublesByColumns) {
  expect_the_matrix(read_mat_label(put(mat_file(mat_bytes("groundtruth", 2, 3, kColumns)))));
  expect_the_matrix(read_mat_label(put(mat_file(mat_doubles("x", 2, 3, {1, 4, 2, 5, 3, 6})))));
  EXPECT_EQ(read_mat_label(put(mat_file(mat_doubles("x", 1, 2, {-1, 255})))).ids, (std::vector<int32_t>{-1, 255}));
}

TEST_F(Mat, ChoosesTheVariable) {
  const std::string other = mat_bytes("other", 1, 1, {9}), truth = mat_bytes("groundtruth", 2, 3, kColumns);
  expect_the_matrix(read_mat_label(put(mat_file(other + truth))));
  EXPECT_EQ(read_mat_label(put(mat_file(other + truth)), "other").at(0, 0), 9);
  const std::string sbd = mat_struct("GTcls", "Segmentation", mat_bytes("", 2, 3, kColumns), "Boundaries", mat_bytes("", 1, 1, {7}));
  expect_the_matrix(read_mat_label(put(mat_file(sbd))));
  EXPECT_EQ(read_mat_label(put(mat_file(sbd)), "GTcls.Boundaries").at(0, 0), 7);

  const std::string two = mat_file(other + mat_bytes("more", 1, 1, {8}));
  EXPECT_TRUE(contains(error_of(two), "does not say which variable holds the labels; it holds other, more. Name it with"));
  EXPECT_TRUE(contains(error_of(two, "none"), "has no variable none; it holds other, more"));
  EXPECT_TRUE(contains(error_of(mat_file(sbd), "GTcls.None"), "GTcls.None is no matrix of class ids"));
  EXPECT_TRUE(contains(error_of(mat_file(sbd), "GTcls"), "GTcls is no matrix of class ids"));
  EXPECT_TRUE(contains(error_of(two, "other.field"), "other.field is no matrix of class ids"));
}

TEST_F(Mat, RefusesWhatIsNoClassId) {
  EXPECT_TRUE(contains(error_of(mat_file(mat_doubles("x", 1, 2, {1, 0.5}))), "holds 0.5 at row 0, column 1"));
  EXPECT_TRUE(contains(error_of(mat_file(mat_doubles("x", 1, 1, {std::nan("")}))), "holds nan at row 0, column 0"));
  EXPECT_TRUE(contains(error_of(mat_file(mat_doubles("x", 1, 1, {1e10}))), "which is no class id"));
}

TEST_F(Mat, EveryTruncationAndEveryFlippedByteIsAnErrorOrAMatrix) {
  const std::string whole = mat_file(mat_bytes("groundtruth", 2, 3, kColumns));
  const auto read = [&](const std::string& bytes) {
    const fs::path file = put(bytes);
    try {
      const Label label = read_mat_label(file);
      EXPECT_EQ(label.ids.size(), static_cast<size_t>(label.height) * label.width);
      return true;
    } catch (const FileError& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      return false;
    }
  };
  for (size_t length = 0; length + 8 < whole.size(); ++length) EXPECT_FALSE(read(whole.substr(0, length))) << length;
  for (size_t i = 124; i < whole.size(); ++i)
    for (const int bit : {0x01, 0x80, 0xFF}) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ bit);
      read(damaged);
    }
  EXPECT_TRUE(contains(error_of("no MATLAB file at all"), "a.mat: is no MATLAB file"));
}

TEST_F(Mat, TheSharedSetIsRead) {
  const fs::path root = fs::path(TESSERA_SHARED_DIR) / "data/mat_masks";
  if (!fs::is_directory(root)) GTEST_SKIP() << "no " << root;
  const OpenedDataset opened = open_dataset(root, {.classes = {.classes = 11}});
  EXPECT_EQ(opened.files.format, "mat");
  EXPECT_EQ(opened.classes.ignore_index, 11);
  for (const char* split : {"train", "val"}) {
    const auto data = opened.split(split);
    for (int64_t i = 0; i < data->size(); ++i) EXPECT_EQ(data->read(i).label.height, 360);
  }
  EXPECT_EQ(opened.split("train")->size() + opened.split("val")->size(), 4);
}

}  // namespace
}  // namespace tessera::data
