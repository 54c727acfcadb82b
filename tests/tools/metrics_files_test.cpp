#include "tools/metrics_files.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tools/csv.h"
#include "tools/heat_map.h"

namespace tessera::tools {
namespace {

// Three classes: 0 and 1 are mixed up, 2 has no true pixel and is predicted once.
data::ConfusionMatrix small_matrix() {
  data::ConfusionMatrix matrix(3);
  matrix.update(std::vector<int64_t>{0, 0, 0, 1, 1, 255}, std::vector<int64_t>{0, 0, 1, 1, 2, 2});
  return matrix;
}
const std::vector<std::string> kNames = {"sky", "a \"road\", wide", "tree"};

TEST(Csv, ComesBackAsItWas) {
  const std::vector<std::string> cells = {"plain", "", "with, comma", "a \"quote\"", "two\nlines"};
  std::string text;
  for (size_t i = 0; i < cells.size(); ++i) text += (i > 0 ? "," : "") + csv_text(cells[i]);
  EXPECT_EQ(parse_csv(text + "\n"), (std::vector<std::vector<std::string>>{cells}));
  EXPECT_EQ(parse_csv("a,b\r\n\r\n1,\n,\nlast"),
            (std::vector<std::vector<std::string>>{{"a", "b"}, {"1", ""}, {"", ""}, {"last"}}));
  EXPECT_TRUE(parse_csv("").empty());
  EXPECT_EQ(csv_number(std::nan("")), "");
  EXPECT_EQ(std::stod(csv_number(1.0 / 3)), 1.0 / 3) << "all digits";
}

TEST(MetricsFiles, ConfusionMatrixAsCsv) {
  const auto rows = parse_csv(confusion_csv(small_matrix(), kNames));
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0], (std::vector<std::string>{"truth \\ prediction", kNames[0], kNames[1], kNames[2]}));
  EXPECT_EQ(rows[1], (std::vector<std::string>{kNames[0], "2", "1", "0"}));
  EXPECT_EQ(rows[2], (std::vector<std::string>{kNames[1], "0", "1", "1"}));
  EXPECT_EQ(rows[3], (std::vector<std::string>{kNames[2], "0", "0", "0"}));
}

TEST(MetricsFiles, ClassesAsCsv) {
  const auto rows = parse_csv(per_class_csv(small_matrix(), kNames));
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0],
            (std::vector<std::string>{"class", "IoU", "accuracy", "precision", "Dice", "true_pixels", "predicted_pixels"}));
  EXPECT_EQ(std::stod(rows[1][1]), 2.0 / 3);  // IoU: 2 right, 3 true, 2 predicted
  EXPECT_EQ(std::stod(rows[1][2]), 2.0 / 3);  // accuracy
  EXPECT_EQ(std::stod(rows[1][3]), 1.0);      // precision
  EXPECT_EQ(std::stod(rows[1][4]), 4.0 / 5);  // Dice
  EXPECT_EQ(std::stod(rows[2][1]), 1.0 / 3);
  EXPECT_EQ(rows[3], (std::vector<std::string>{"tree", "", "", "0", "", "0", "1"}));
}

TEST(MetricsFiles, Json) {
  const auto json = metrics_json(small_matrix(), kNames);
  EXPECT_DOUBLE_EQ(json.at("mIoU"), 0.5);
  EXPECT_DOUBLE_EQ(json.at("mAcc"), (2.0 / 3 + 1.0 / 2) / 2);
  EXPECT_DOUBLE_EQ(json.at("aAcc"), 3.0 / 5);
  EXPECT_DOUBLE_EQ(json.at("fwIoU"), (3 * 2.0 / 3 + 2 * 1.0 / 3) / 5);
  EXPECT_DOUBLE_EQ(json.at("mPrecision"), (1 + 1.0 / 2) / 2);
  EXPECT_DOUBLE_EQ(json.at("mDice"), (4.0 / 5 + 1.0 / 2) / 2);
  EXPECT_EQ(json.at("pixels"), 5);
  EXPECT_EQ(nlohmann::json::parse(json.dump()).at("classes").at(2).at("IoU"), nullptr) << "NaN is null";
  EXPECT_EQ(json.at("classes").at(1).at("name"), kNames[1]);
}

TEST(MetricsFiles, Table) {
  const std::string table = metrics_table(small_matrix(), {"sky", "road", "tree"});
  EXPECT_NE(table.find("\nsky     0.6667    0.6667     1.0000   0.8000   60.00%\n"), std::string::npos) << table;
  EXPECT_NE(table.find("\ntree         -         -     0.0000        -    0.00%\n"), std::string::npos) << table;
  EXPECT_NE(table.find("\nmean    0.5000    0.5833     0.7500   0.6500"), std::string::npos) << table;
  EXPECT_NE(table.find("mIoU 0.5000  mAcc 0.5833  aAcc 0.6000  fwIoU 0.5333  (5 pixels)"), std::string::npos) << table;
}

TEST(HeatMap, ShortCounts) {
  for (const auto& [count, text] : std::vector<std::pair<int64_t, std::string>>{{0, "0"},
                                                                                {999, "999"},
                                                                                {1000, "1.0k"},
                                                                                {9949, "9.9k"},
                                                                                {9950, "10k"},
                                                                                {999499, "999k"},
                                                                                {999500, "1.0M"},
                                                                                {35'000'000, "35M"},
                                                                                {2'000'000'000, "2.0G"}})
    EXPECT_EQ(short_count(count), text);
}

TEST(HeatMap, CellsHaveTheColourOfTheirShare) {
  const data::Image map = heat_map(small_matrix(), {"sky", "road", "tree"});
  const auto has = [&](const data::Color& color) {
    for (size_t i = 0; i < map.pixels.size(); i += 3)
      if (std::equal(color.begin(), color.end(), map.pixels.begin() + static_cast<std::ptrdiff_t>(i))) return true;
    return false;
  };
  for (const double share : {2.0 / 3, 1.0 / 3, 1.0 / 2, 0.0}) EXPECT_TRUE(has(heat_color(share))) << share;
  EXPECT_FALSE(has(heat_color(1.0)));
  EXPECT_EQ(heat_color(0), (data::Color{255, 255, 255}));
  EXPECT_EQ(heat_map(data::ConfusionMatrix(150), std::vector<std::string>(150, "x")).width < 2500, true);
}

}  // namespace
}  // namespace tessera::tools
