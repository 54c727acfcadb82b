#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "data/shapes.h"
#include "tests/tools/html_balance.h"
#include "tests/tools/run_command.h"
#include "tools/html_report/class_sections.h"
#include "tools/html_report/examples.h"
#include "tools/html_report/html.h"
#include "tools/html_report/line_chart.h"
#include "tools/html_report/page.h"

namespace tessera::tools {
namespace {

namespace fs = std::filesystem;

TEST(HtmlBalance, SeesFaults) {
  EXPECT_EQ(html_fault("<p class=\"a\">x &amp; y<br><svg><line x=\"1\"/></svg></p><script>a < b</script>"), "");
  for (const char* fault :
       {"<p>", "</p>", "<p><b></p></b>", "<p a=1></p>", "a & b", "a < b", "a > b", "<p a=\"x></p>", "<script>"})
    EXPECT_NE(html_fault(fault), "") << fault;
}

TEST(Html, EscapesWhatWouldBeMarkup) {
  EXPECT_EQ(escape_html("<a href=\"x\">'&'</a>"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  EXPECT_EQ(json_html("a", R"({"x":"</script>"})"),
            "<script type=\"application/json\" id=\"a\">{\"x\":\"\\u003c/script>\"}</script>\n");
}

TEST(Html, Base64) {  // RFC 4648, section 10
  for (const auto& [text, digits] : std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                                                     {"f", "Zg=="},
                                                                                     {"fo", "Zm8="},
                                                                                     {"foo", "Zm9v"},
                                                                                     {"foob", "Zm9vYg=="},
                                                                                     {"fooba", "Zm9vYmE="},
                                                                                     {"foobar", "Zm9vYmFy"}})
    EXPECT_EQ(base64({reinterpret_cast<const uint8_t*>(text.data()), text.size()}), digits);
  const std::vector<uint8_t> high = {0xFB, 0xFF, 0xFE};
  EXPECT_EQ(base64(high), "+//+");
}

TEST(LineChart, TicksAreRoundAndSpanTheValues) {
  EXPECT_EQ(axis_ticks(0, 1, 5), (std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1}));
  EXPECT_EQ(axis_ticks(3, 97, 5), (std::vector<double>{0, 20, 40, 60, 80, 100}));
  for (const auto& [low, high] : std::vector<std::pair<double, double>>{{0.31, 0.33}, {-5, 12}, {1e-9, 3e-3}, {7, 7}, {0, 0}}) {
    const std::vector<double> ticks = axis_ticks(low, high, 5);
    EXPECT_LE(ticks.front(), low);
    EXPECT_GE(ticks.back(), high);
    EXPECT_TRUE(ticks.size() >= 2 && ticks.size() <= 9) << ticks.size();
  }
}

TEST(LineChart, LeavesOutWhatIsNotMeasured) {
  const double nan = std::nan("");
  const LineChart chart{"loss", "Loss <1>", {1, 2, 3}, {{"train", {3, 2, 1}}, {"val", {nan, 2.5, nan}}}, true};
  const std::string html = line_chart_html(chart);
  EXPECT_EQ(html_fault(html), "");
  EXPECT_EQ(html.find("nan"), std::string::npos);
  EXPECT_NE(html.find("train: 1 to 3, 1 at the end."), std::string::npos) << html;
  EXPECT_NE(html.find("val: 2.5 to 2.5, 2.5 at the end."), std::string::npos) << html;
  const auto data = nlohmann::json::parse(line_chart_data(chart).dump());
  EXPECT_EQ(data.at("series").at(1).at("values"), nlohmann::json::parse("[null, 2.5, null]"));
  EXPECT_EQ(data.at("at").size(), 3u);
  EXPECT_EQ(line_chart_html({"x", "x", {1}, {{"none", {nan}}}, false}), "");
}

TEST(RunContents, ReadsMetricsOfAnyColumns) {
  const MetricTable table = parse_metrics("epoch,extra,mIoU,\"IoU/a, b\"\n1,x,,0.5\n2,7,0.25,\n");
  EXPECT_EQ(table.rows(), 2u);
  EXPECT_EQ(table.column("epoch"), (std::vector<double>{1, 2}));
  EXPECT_TRUE(std::isnan(table.column("mIoU")[0]) && std::isnan(table.column("extra")[0]));
  EXPECT_EQ(table.column("mIoU")[1], 0.25);
  EXPECT_EQ(table.column("IoU/a, b")[0], 0.5);
  EXPECT_EQ(table.column("lr").size(), 2u);
  EXPECT_EQ(parse_metrics("").rows(), 0u);
}

TEST(Examples, BestAndWorstNeverShareAPicture) {
  const auto names = [](const std::vector<PictureScore>& pictures) {
    std::string all;
    for (const PictureScore& p : pictures) all += p.name;
    return all;
  };
  const std::vector<PictureScore> scores = {{0, "a", 0.5, 1},          {1, "b", 0.9, 1}, {2, "c", 0.1, 1},
                                            {3, "d", std::nan(""), 0}, {4, "e", 0.7, 1}, {5, "f", 0.2, 1}};
  EXPECT_EQ(names(choose_pictures(scores, 2).best), "be");
  EXPECT_EQ(names(choose_pictures(scores, 2).worst), "cf");
  EXPECT_EQ(names(choose_pictures(scores, 9).best), "bea");
  EXPECT_EQ(names(choose_pictures(scores, 9).worst), "cf");
  EXPECT_TRUE(choose_pictures({}, 3).best.empty());
}

TEST(Examples, ErrorMapShowsWrongAndIgnoredPixels) {
  data::ClassInfo classes;
  classes.names = {"a", "b"};
  data::Image picture(1, 3, 3, 255);
  data::Label truth(1, 3), prediction(1, 3);
  truth.ids = {0, 1, 255};
  prediction.ids = {0, 0, 1};
  const data::Image map = error_map(picture, truth, prediction, classes);
  EXPECT_EQ(map.pixels, (std::vector<uint8_t>{242, 242, 242, 206, 32, 41, 255, 255, 255}));
}

TEST(Page, NamesOfClassesAndRunsAreNoMarkup) {
  ReportData report;
  report.run.name = "<b>run</b>";
  report.run.folder = "a 'b'";
  report.run.checkpoint = "x";
  report.run.config = {{"model", "</script><script>alert(1)</script>"}, {"epochs", 2}};
  report.run.metrics = parse_metrics(
      "epoch,step,lr,train_loss,val_loss,pixel_acc,mIoU,IoU/<i>\n1,2,0.1,1,2,0.5,0.5,0.25\n2,4,0.1,1,1,0.6,0.6,0.5\n");
  report.matrix = data::ConfusionMatrix(2);
  report.matrix->update(std::vector<int64_t>{0, 0}, std::vector<int64_t>{0, 1});
  report.classes.names = {"<i>", "\"&"};
  report.why_not = "<u>";
  const std::string page = report_page(report);
  EXPECT_EQ(html_fault(page), "");
  for (const char* text : {"<b>run", "<i>", "<u>", "alert(1)</script>", "\"\"&"})
    EXPECT_EQ(page.find(text), std::string::npos) << text;
}

class Report : public CommandTest {
 protected:
  std::string page(const std::string& name = "run/report.html") const { return read_text(folder(name)); }
  // Well-formed, and nothing in it is loaded from elsewhere.
  static void expect_whole(std::string html) {
    EXPECT_EQ(html_fault(html), "");
    for (size_t at = 0; (at = html.find("base64,", at)) != std::string::npos; ++at)  // pictures may spell anything
      html.erase(at, html.find('"', at) - at);
    for (const char* text : {"http://", "https://", "src=\"/", "url(", "@import", "nan", "NaN"})
      EXPECT_EQ(html.find(text), std::string::npos) << text;
    EXPECT_NE(html.find("<html lang=\"en\">"), std::string::npos);
  }
  static size_t count(const std::string& text, const std::string& part) {
    size_t found = 0;
    for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++found;
    return found;
  }
};

TEST_F(Report, HoldsTheWholeRun) {
  ASSERT_EQ(tessera(kTiny + "-e 3 -o run").code, 0);
  const Result result = tessera("report run --examples 1");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  const std::string html = page();
  expect_whole(html);
  for (const char* text : {"finished", "Confusion matrix", "Best", "Worst", "triangle", "tessera train ", " --dataset shapes ",
                           "tessera eval --model run/best.safetensors", "IoU of each class"})
    EXPECT_NE(html.find(text), std::string::npos) << text;
  EXPECT_EQ(count(html, "<img "), 8u) << "best and worst, four pictures each";
  EXPECT_EQ(count(html, "<img "), count(html, "\" alt=\"")) << "every picture says what it shows";
  EXPECT_EQ(count(html, "<svg "), 3u);
  const size_t begin = html.find("id=\"charts\">") + 12;
  const auto charts = nlohmann::json::parse(html.substr(begin, html.find("</script>", begin) - begin));
  EXPECT_EQ(charts.at("loss").at("x"), nlohmann::json::parse("[1.0, 2.0, 3.0]"));
}

TEST_F(Report, ItsCommandMakesTheRunAgain) {
  ASSERT_EQ(tessera(kTiny + "-e 2 --seed 5 --optimizer sgd --no-augment --no-deconv -j 0 -o run").code, 0);
  ASSERT_EQ(tessera("report run --no-evaluate").code, 0);
  const std::string html = page();
  const size_t begin = html.find("tessera train");
  std::string line = html.substr(begin, html.find('\n', begin) - begin);
  ASSERT_TRUE(line.ends_with("--output run-again")) << line;
  ASSERT_EQ(tessera(line.substr(std::string("tessera ").size())).code, 0) << line;
  EXPECT_EQ(read_text(folder("run/metrics.csv")), read_text(folder("run-again/metrics.csv"))) << line;
}

TEST_F(Report, ARunInProgressAndOneWithoutItsData) {
  ASSERT_EQ(tessera(kTiny + "-e 2 -o run").code, 0);
  auto config = nlohmann::json::parse(read_text(folder("run/config.json")));
  config["epochs"] = 9;
  std::ofstream(folder("run/config.json")) << config;
  fs::remove(folder("run/best.safetensors"));
  fs::remove(folder("run/last.safetensors"));
  ASSERT_EQ(tessera("report run -o early.html").code, 0);
  expect_whole(page("early.html"));
  EXPECT_NE(page("early.html").find("2 of 9 epochs"), std::string::npos);
  EXPECT_NE(page("early.html").find("no checkpoint yet"), std::string::npos);
  fs::remove(folder("run/metrics.csv"));
  ASSERT_EQ(tessera("report run -o earlier.html").code, 0);
  expect_whole(page("earlier.html"));

  for (const char* split : {"train", "val"})
    for (const char* part : {"images", "labels"}) fs::create_directories(folder("pairs") / split / part);
  const data::Sample scene = data::draw_scene(7, 0, 32, 48);
  for (const char* split : {"train", "val"}) {
    data::write_png(folder("pairs") / split / "images/a.png", scene.image);
    data::write_indexed_png(folder("pairs") / split / "labels/a.png", scene.label, data::voc_palette());
  }
  ASSERT_EQ(tessera("train --data pairs --feature-scale 16 -b 1 -e 1 -o moved").code, 0);
  fs::rename(folder("pairs"), folder("elsewhere"));
  const Result result = tessera("report moved");
  EXPECT_EQ(result.code, 0) << "a page without pictures is still a page";
  EXPECT_NE(result.err.find("--data"), std::string::npos) << result.err;
  expect_whole(page("moved/report.html"));
  EXPECT_NE(page("moved/report.html").find("without confusion matrix and pictures"), std::string::npos);
  EXPECT_EQ(count(page("moved/report.html"), "<img "), 0u);
  ASSERT_EQ(tessera("report moved --data elsewhere").code, 0);
  EXPECT_EQ(count(page("moved/report.html"), "<img "), 4u);
}

TEST_F(Report, RefusesWhatIsNoRun) {
  expect_error(tessera("report"), 2, {"run"});
  expect_error(tessera("report nowhere"), 1, {"nowhere", "tessera train"});
  fs::create_directories(folder("empty"));
  expect_error(tessera("report empty"), 1, {"empty", "no run"});
  std::ofstream(folder("empty/config.json")) << "{";
  expect_error(tessera("report empty"), 1, {"config.json"});
}

}  // namespace
}  // namespace tessera::tools
