#include "tools/html_report/page.h"

#include <fmt/format.h>

#include <cmath>

#include "tools/html_report/class_sections.h"
#include "tools/html_report/html.h"
#include "tools/html_report/line_chart.h"
#include "tools/html_report/script.h"
#include "tools/html_report/style.h"

namespace tessera::tools {
namespace {

std::string state_html(const RunContents& run) {
  const int64_t done = run.epochs_done(), planned = run.epochs_planned();
  if (planned == 0) return "";
  if (done >= planned) return R"(<span class="state done">finished</span>)";
  return fmt::format(R"(<span class="state busy">{} of {} epochs</span>)", done, planned);
}

std::string head_html(const ReportData& report) {
  const RunContents& run = report.run;
  std::string line = run.setting("model");
  const std::string data = run.setting("data").empty() ? run.setting("dataset") : run.setting("data");
  if (!data.empty()) line += (line.empty() ? "" : " on ") + data;
  if (!run.written.empty()) line += (line.empty() ? "" : ", ") + run.written;
  return fmt::format("<header><p class=\"over\">Training report</p><h1>{}</h1><p class=\"soft\">{}{}</p></header>\n",
                     escape_html(run.name), escape_html(line), state_html(run));
}

std::string tile(const std::string& name, const std::string& value, const std::string& below, bool main = false) {
  return fmt::format("<div{}><dt>{}</dt><dd>{}<small>{}</small></dd></div>", main ? " class=\"main\"" : "", name, value, below);
}

// The figures of the evaluation, or of the best line of metrics.csv.
std::string tiles_html(const ReportData& report) {
  const RunContents& run = report.run;
  const int64_t best = run.best_row();
  std::string tiles;
  if (report.matrix) {
    const data::ConfusionMatrix& m = *report.matrix;
    tiles += tile("mIoU", figure_html(m.mean_iou()), fmt::format("{} pictures of {}", report.pictures, report.split), true);
    tiles += tile("mean accuracy", figure_html(m.mean_accuracy()), "of the classes");
    tiles += tile("pixel accuracy", figure_html(m.pixel_accuracy()), fmt::format("of {} pixels", m.total()));
    tiles += tile("fwIoU", figure_html(m.frequency_weighted_iou()), "weighted by frequency");
    tiles += tile("mean Dice", figure_html(m.mean_dice()), "of the classes");
  } else if (best >= 0) {
    tiles += tile("mIoU", figure_html(run.metrics.column("mIoU")[best]), "held-out pictures", true);
    tiles += tile("pixel accuracy", figure_html(run.metrics.column("pixel_acc")[best]), "held-out pictures");
    tiles += tile("validation loss", figure_html(run.metrics.column("val_loss")[best]), "in the same epoch");
  }
  if (best >= 0)
    tiles += tile("best epoch", fmt::format("{:g}", run.metrics.column("epoch")[best]),
                  fmt::format("of {}, step {:g}", run.epochs_done(), run.metrics.column("step")[best]));
  return tiles.empty() ? "" : "<dl class=\"tiles\">" + tiles + "</dl>\n";
}

std::vector<LineChart> charts_of(const MetricTable& m) {
  const std::vector<double> epochs = m.column("epoch");
  if (epochs.empty()) return {};
  return {{"loss", "Loss", epochs, {{"training", m.column("train_loss")}, {"held out", m.column("val_loss")}}, true},
          {"score",
           "Quality on held-out pictures",
           epochs,
           {{"mIoU", m.column("mIoU")}, {"pixel accuracy", m.column("pixel_acc")}},
           true},
          {"lr", "Learning rate", epochs, {{"learning rate", m.column("lr")}}, true}};
}

std::string epoch_table_html(const MetricTable& m) {
  std::string html = "<details><summary>All figures by epoch</summary><div class=\"scroll\"><table class=\"figures\"><thead><tr>";
  for (const std::string& name : m.names) html += fmt::format("<th scope=\"col\">{}</th>", escape_html(name));
  html += "</tr></thead><tbody>\n";
  for (size_t row = 0; row < m.rows(); ++row) {
    html += "<tr>";
    for (const std::string& name : m.names) {
      const double v = m.columns.at(name)[row];
      html += fmt::format("<td>{}</td>", std::isnan(v) ? "\u2013" : fmt::format("{:.5g}", v));
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div></details>\n";
}

std::string training_html(const MetricTable& metrics, nlohmann::json& chart_data) {
  if (metrics.rows() == 0) return "<h2>Training</h2><p class=\"note\">No epoch is complete yet.</p>\n";
  std::string html = "<h2>Training</h2><div class=\"charts\">\n";
  for (const LineChart& chart : charts_of(metrics)) {
    html += line_chart_html(chart);
    chart_data[chart.id] = line_chart_data(chart);
  }
  return html + class_history_html(metrics) + "</div>\n" + epoch_table_html(metrics);
}

std::string evaluation_html(const ReportData& report) {
  const std::vector<std::string>& names = report.classes.names;
  return fmt::format("<h2>Classes</h2><p class=\"soft\">The checkpoint of epoch {} on the {} pictures of {}.</p>\n",
                     report.checkpoint_epoch, report.pictures, escape_html(report.split)) +
         class_table_html(*report.matrix, names, report.classes.palette) + "<h2>Confusion matrix</h2>\n" +
         confusion_html(*report.matrix, names);
}

std::string predictions_html(const ReportData& report) {
  if (report.best.empty()) return "";
  std::string html = "<h2>Predictions</h2><p class=\"legend\">";
  for (size_t i = 0; i < report.classes.names.size(); ++i)
    html += fmt::format("<span class=\"item\">{}</span>",
                        class_name_html(report.classes.names[i],
                                        i < report.classes.palette.size() ? report.classes.palette[i] : data::Color{0, 0, 0}));
  html +=
      "<span class=\"item\"><span class=\"swatch\" style=\"background:#ce2029\"></span>wrong, in "
      "errors</span></p>\n<h3>Best</h3>\n";
  for (const std::string& example : report.best) html += example;
  if (!report.worst.empty()) html += "<h3>Worst</h3>\n";
  for (const std::string& example : report.worst) html += example;
  return html;
}

std::string fact(const std::string& name, const std::string& value) {
  return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", escape_html(name), escape_html(value));
}

std::string reproduce_html(const ReportData& report) {
  const RunContents& run = report.run;
  std::string settings, environment;
  for (const auto& [key, value] : run.config.items()) {
    const std::string text = run.setting(key);
    if (!text.empty() && text != "{}" && text != "[]") settings += fact(key, text);
  }
  for (const auto& [name, value] : report.environment) environment += fact(name, value);
  std::string html;
  if (!settings.empty()) html += "<h2>Configuration</h2><dl class=\"facts\">" + settings + "</dl>\n";
  html += "<h2>Environment</h2><p class=\"soft\">Of this report.</p><dl class=\"facts\">" + environment + "</dl>\n";
  if (!run.config.empty() && !run.checkpoint.empty())
    html += fmt::format(
        "<h2>To do it again</h2><pre>{}\ntessera eval --model {}\ntessera predict --model {} --input PICTURES "
        "--output predictions --overlay\ntessera report {}</pre>\n",
        escape_html(train_command_line(run)), escape_html(run.checkpoint), escape_html(run.checkpoint), escape_html(run.folder));
  return html;
}

}  // namespace

std::string report_page(const ReportData& report) {
  nlohmann::json charts = nlohmann::json::object();
  std::string body = head_html(report) + tiles_html(report);
  if (!report.why_not.empty()) body += fmt::format("<p class=\"note\">{}</p>\n", escape_html(report.why_not));
  body += training_html(report.run.metrics, charts);
  if (report.matrix) body += evaluation_html(report);
  body += predictions_html(report) + reproduce_html(report);
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{} - Tessera report</title>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      // The page may load nothing, so that it looks the same offline and tells nobody that it was opened.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n<style>{}</style>\n</head>\n<body>\n{}"
      "<footer>Made by tessera {}. The page holds all it shows and loads nothing.</footer>\n{}<script>{}</script>\n"
      "</body>\n</html>\n",
      escape_html(report.run.name), kReportStyle, body, TESSERA_VERSION, json_html("charts", charts.dump()), kReportScript);
}

}  // namespace tessera::tools
