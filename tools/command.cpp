#include "tools/command.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <new>
#include <string>

#include "tools/bench_command.h"
#include "tools/check_data/check_data_command.h"
#include "tools/convert_command.h"
#include "tools/eval_command.h"
#include "tools/html_report/report_command.h"
#include "tools/info_command.h"
#include "tools/models_command.h"
#include "tools/nearest_name.h"
#include "tools/predict_command.h"
#include "tools/summary_command.h"
#include "tools/train_command.h"
#include "tools/upsample_command.h"
#include "tools/verify/verify_command.h"

namespace tessera::tools {
namespace {

int fail(const std::string& who, const std::string& message, int code) {
  report_error(who, message);
  return code;
}

// "tessera train" while the subcommand `train` is being run or parsed.
std::string command_name(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app.get_name() : app.get_name() + " " + chosen.front()->get_name();
}

int usage(const CLI::App& app, const std::string& message) {
  const std::string name = command_name(app);
  return fail(name, fmt::format("{} Try {} --help.", message, name), kUsage);
}

std::vector<std::string> subcommands(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

// For the first flag that the subcommand does not have: the one that was probably meant.
std::string suggestion(const CLI::App& app, int argc, char** argv) {
  const auto chosen = app.get_subcommands();
  if (chosen.empty()) return "";
  std::vector<std::string> names;
  for (const CLI::Option* option : chosen.front()->get_options())
    names.insert(names.end(), option->get_lnames().begin(), option->get_lnames().end());
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i], flag = argument.substr(0, argument.find('='));
    if (!flag.starts_with("--") || flag.size() < 3 || std::find(names.begin(), names.end(), flag.substr(2)) != names.end())
      continue;
    return did_you_mean(flag.substr(2), names, "--");
  }
  return "";
}

}  // namespace

void report_error(const std::string& who, std::string message) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  const std::string line = fmt::format("{}: {}\n", who, message);
  std::fwrite(line.data(), 1, line.size(), stderr);  // not fmt::print, which throws where stderr is full or closed
}

void make_folder(const std::string& who, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  check<UsageError>(!folder.empty(), "--output: no folder is named.");
  check<FileError>(!error, "{}: {}: cannot make this folder: {}. Choose another --output.", who, folder, error.message());
}

int run(int argc, char** argv) {
  CLI::App app("Tessera trains and runs networks for dense prediction: FCN, U-Net and their kin.", "tessera");
  app.set_version_flag("--version", "tessera " TESSERA_VERSION);
  app.option_defaults()->always_capture_default();
  app.require_subcommand(1);
  register_train(app);
  register_eval(app);
  register_check_data(app);
  register_predict(app);
  register_report(app);
  register_models(app);
  register_summary(app);
  register_upsample(app);
  register_convert(app);
  register_info(app);
  register_bench(app);
  register_verify(app);
  try {
    const auto named = [&](const CLI::App* command) { return command->get_name() == argv[1]; };
    if (argc > 1 && argv[1][0] != '-' && app.get_subcommands(named).empty())
      throw UsageError(fmt::format("'{}' is no subcommand{}.", argv[1], did_you_mean(argv[1], subcommands(app))));
    app.parse(argc, argv);
    check<FileError>(std::fflush(stdout) == 0 && !std::ferror(stdout),
                     "a part of standard output could not be written. Send it to another place.");
    return kSuccess;
  } catch (const CLI::Success& request) {  // --help and --version
    return app.exit(request);
  } catch (const CLI::ExtrasError& error) {
    return usage(app, fmt::format("{}{}.", error.what(), suggestion(app, argc, argv)));
  } catch (const CLI::ParseError& error) {
    return usage(app, fmt::format("{}.", error.what()));
  } catch (const UsageError& error) {
    return usage(app, error.what());
  } catch (const Exit& exit) {
    return exit.code;
  } catch (const std::bad_alloc&) {
    return fail("tessera", "out of memory. Try a smaller batch, smaller pictures or a smaller network.", kFailure);
  } catch (const std::exception& error) {
    return fail("tessera", error.what(), kFailure);
  }
}

}  // namespace tessera::tools
