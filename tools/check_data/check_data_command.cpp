#include "tools/check_data/check_data_command.h"

#include <CLI/App.hpp>
#include <filesystem>
#include <memory>

#include "data/file.h"
#include "tools/check_data/check_sheet.h"
#include "tools/check_data/convert_masks.h"
#include "tools/check_data/examine.h"
#include "tools/check_data/report.h"
#include "tools/command.h"
#include "tools/datasets.h"
#include "tools/interrupt.h"
#include "tools/progress_bar.h"

namespace tessera::tools {
namespace {

namespace fs = std::filesystem;

struct CheckOptions {
  DataOptions data;
  uint64_t seed = 0;
  std::string output, json, convert;
  int64_t pictures = 16;
};

void write_text(const fs::path& file, const std::string& text) {
  data::write_file("check-data", file, std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

Examination examine_with_bar(const CheckOptions& options) {
  const InterruptGuard guard;
  std::unique_ptr<ProgressBar> bar;
  Examination examination = examine(options.data.folder, open_options(options.data, options.seed),
                                    {.begin = [&](int64_t total) { bar = std::make_unique<ProgressBar>("Check", total); },
                                     .progress = [&](int64_t pairs) { bar->advance(pairs); },
                                     .stop = interrupted});
  if (interrupted()) throw Exit{kInterrupted};
  return examination;
}

std::string key_text(const Conversion& plan, int32_t key) {
  return plan.colors ? fmt::format("#{:06x}", key) : std::to_string(key);
}

void convert(const CheckOptions& options, const Examination& examination) {
  const Conversion plan = plan_conversion(examination);
  int64_t pairs = 0;
  {
    ProgressBar bar("Convert", examination.pairs_read());
    pairs = convert_masks(examination, plan, options.convert, [&](int64_t done) { bar.advance(done); });
  }
  fmt::print("\nWrote {} masks of {} classes into {}:\n", pairs, plan.keys.size(), options.convert);
  for (size_t i = 0; i < plan.keys.size(); ++i)
    fmt::print("  {} is class {}, {}\n", key_text(plan, plan.keys[i]), i, plan.names[i]);
  for (int32_t key : plan.ignored) fmt::print("  {} is ignored\n", key_text(plan, key));
  fmt::print("Names and colours are in {}/dataset.json. Train with --data {}\n", options.convert, options.convert);
}

void check_data(const CheckOptions& options) {
  if (options.data.dataset == "shapes") {
    fmt::print("The shapes are drawn with exact masks: there is nothing to look for.\n{}\n", summary_line({}));
    return;
  }
  check<UsageError>(!options.data.folder.empty(), "--data: name the data set's folder.");
  if (!options.output.empty()) make_folder("check-data", options.output);
  const Examination examination = examine_with_bar(options);
  const std::vector<Finding> findings = all_findings(examination);
  fmt::print("{}", report_text(examination, findings));
  if (!options.json.empty()) write_text(options.json, report_json(examination, findings).dump(1) + "\n");
  if (!options.output.empty() && examination.pairs_read() > 0) {
    const fs::path sheet = fs::path(options.output) / "contact_sheet.png";
    data::write_png(sheet, check_sheet(examination, findings, options.pictures));
    write_text(fs::path(options.output) / "report.json", report_json(examination, findings).dump(1) + "\n");
    fmt::print("Look at {}\n", sheet.string());
  }
  if (!options.convert.empty()) {
    convert(options, examination);
    return;  // the remedy is done
  }
  if (!findings.empty() && findings.front().is_error()) throw Exit{kFailure};
}

}  // namespace

void register_check_data(CLI::App& app) {
  CLI::App* const command = app.add_subcommand("check-data", "Look for mistakes in pictures and masks before training on them.");
  const auto options = std::make_shared<CheckOptions>();
  CheckOptions& o = *options;
  add_flags(*command, "Data, as of train", data_settings(o.data));
  command->add_option("--seed", o.seed, "Of the split, where the data set has none")->group("Data, as of train");
  command->add_option("-o,--output", o.output, "Folder for contact_sheet.png and report.json [none is written]")
      ->type_name("DIR")
      ->group("Report");
  command->add_option("--json", o.json, "Also write the report to this file")->type_name("FILE")->group("Report");
  command->add_option("--pictures", o.pictures, "Pairs in the contact sheet, at least")->group("Report");
  command
      ->add_option("--convert", o.convert,
                   "Write the masks as class ids, with links to the pictures, into this new folder: a data set "
                   "that trains, from masks in colour, of 0 and 255, smoothed or counted from 1")
      ->type_name("DIR")
      ->group("Report");
  command->callback([options] { check_data(*options); });
}

}  // namespace tessera::tools
