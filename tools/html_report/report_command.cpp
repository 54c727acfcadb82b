#include "tools/html_report/report_command.h"

#include <omp.h>

#include <CLI/App.hpp>
#include <filesystem>
#include <memory>

#include "data/file.h"
#include "tools/command.h"
#include "tools/html_report/environment.h"
#include "tools/html_report/examples.h"
#include "tools/html_report/page.h"
#include "tools/open_split.h"
#include "tools/progress_bar.h"

namespace tessera::tools {
namespace {

namespace fs = std::filesystem;

struct ReportOptions {
  std::string run, output, data, split = "val", device = "cpu";
  int64_t examples = 4, threads = 0, workers = 2, batch_size = 4;
  bool evaluate = true;
};

// The network's figures on the split, and its best and worst pictures.
void add_evaluation(ReportData& report, const ReportOptions& o) {
  TrainedNetwork network = load_trained_network(report.run.checkpoint);
  report.checkpoint_epoch = network.progress.epoch;
  report.classes = network.classes;
  TrainOptions options = network.options;
  if (!o.data.empty()) {
    options.data.folder = o.data;
    options.data.dataset = "auto";
  }
  const OpenedSplit data = open_split(options, o.split);
  const Predictor predictor(std::move(network), {.device = o.device});
  report.split = o.split;

  ProgressBar bar("Evaluate", data.dataset->size());
  const Scoring scoring = score_dataset(predictor, data.dataset, {data.one_size ? o.batch_size : 1, o.workers, false},
                                        [&](int64_t pictures) { bar.advance(pictures); });
  if (scoring.matrix.total() == 0) {
    report.why_not = fmt::format("No pixel of the {} labels belongs to a class, so there are no figures.", o.split);
    return;
  }
  report.matrix = scoring.matrix;
  report.pictures = scoring.pictures.size();
  const ChosenPictures chosen = choose_pictures(scoring.pictures, static_cast<size_t>(o.examples));
  for (const PictureScore& picture : chosen.best) report.best.push_back(example_html(predictor, *data.dataset, picture));
  for (const PictureScore& picture : chosen.worst) report.worst.push_back(example_html(predictor, *data.dataset, picture));
}

void report(const ReportOptions& o) {
  if (o.threads > 0) omp_set_num_threads(static_cast<int>(o.threads));
  ReportData report;
  report.run = read_run(o.run);
  report.environment = describe_environment(Device(o.device));
  if (report.run.checkpoint.empty()) {
    report.why_not = "There is no checkpoint yet, so the report is without confusion matrix and pictures.";
  } else if (!o.evaluate) {
    report.why_not = "The network was not evaluated (--no-evaluate), so the report is without confusion matrix and pictures.";
  } else {
    try {
      add_evaluation(report, o);
    } catch (const Error& error) {  // the data set moved, a picture is gone: what the run itself wrote is still worth a page
      report.matrix.reset();
      report.why_not = fmt::format("The report is without confusion matrix and pictures: {}", error.what());
      report_error("tessera", report.why_not);
    }
  }
  const fs::path file = o.output.empty() ? fs::path(o.run) / "report.html" : fs::path(o.output);
  if (file.has_parent_path()) make_folder("report", file.parent_path().string());
  const std::string page = report_page(report);
  data::write_file("report", file, {reinterpret_cast<const uint8_t*>(page.data()), page.size()});
  fmt::print("Wrote {} ({:.1f} MB, one file; open it in a browser)\n", file.string(), static_cast<double>(page.size()) / 1e6);
}

}  // namespace

void register_report(CLI::App& app) {
  CLI::App* const command =
      app.add_subcommand("report", "Write one HTML page about a training run: curves, classes, confusion matrix, predictions.");
  const auto options = std::make_shared<ReportOptions>();
  ReportOptions& o = *options;
  command->add_option("run", o.run, "The run's folder; it may be in progress")->type_name("RUN")->default_str("")->required();
  command->add_option("-o,--output", o.output, "The page [RUN/report.html]")->type_name("FILE");
  command->add_option("--data", o.data, "The data set's folder, if it moved [that of the training run]")->type_name("DIR");
  command->add_option("--split", o.split, "The part of it that is measured and shown")
      ->check(CLI::IsMember({"train", "val", "test", "all"}));
  command->add_option("--examples", o.examples, "Predictions to show, of the best and of the worst")->check(CLI::Range(0, 100));
  command->add_flag("--evaluate,!--no-evaluate", o.evaluate, "Run the network, for confusion matrix and predictions [yes]");
  command->add_option("-b,--batch-size", o.batch_size, "Pictures that go through the network together")
      ->check(CLI::Range(1, 4096));
  command->add_option("--device", o.device, "cpu, cuda or cuda:N");
  command->add_option("--threads", o.threads, "Threads that compute; 0: all cores")->check(CLI::Range(0, 1024));
  command->add_option("-j,--workers", o.workers, "Threads that read and prepare pictures")->check(CLI::Range(0, 256));
  command->callback([options] { report(*options); });
}

}  // namespace tessera::tools
