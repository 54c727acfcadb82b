#include "tools/options/data_options.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "tools/command.h"
#include "tools/memory_size.h"
#include "tools/recipes.h"

namespace tessera::tools {

std::vector<Setting> data_settings(DataOptions& o) {
  return {
      {"--dataset",
       &o.dataset,
       "shapes: drawn scenes; of --data: voc, camvid, folder, mat, list, or auto to find out [auto with --data, else shapes]",
       {"shapes", "auto", "voc", "camvid", "folder", "mat", "list"}},
      {.flags = "--data",
       .field = &o.folder,
       .help = "The data set's folder, or a list of its pictures and labels",
       .type_name = "DIR|FILE",
       .free_on_resume = true},
      {"--val-split", &o.val_split, "Part held out by --seed, of a data set without validation split [0.1]"},
      {"--mask-suffix", &o.mask_suffix, "What label names have more than picture names, as _mask; auto: the usual ones"},
      {"--mat-variable", &o.mat_variable, "Variable of .mat labels, or STRUCT.FIELD; none: groundtruth, or the only matrix"},
      {"--skip-bad", &o.skip_bad, "Leave out what cannot be read or lacks its label, by name and counted [no]"},
      {.flags = "--cache",
       .field = &o.cache,
       .help = "Memory for decoded pictures, as 500MiB or 0; auto: a quarter of what is free",
       .type_name = "SIZE",
       .free_on_resume = true},
      {"--samples", &o.samples, "Scenes to train on, of shapes; an eighth as many are held out [4096]"},
      {.flags = "--size",
       .field = &o.size,
       .help = "Scale all pictures to this size; of shapes, draw them so [64x64 for shapes]",
       .type_name = "HxW"},
      {.flags = "--crop", .field = &o.crop, .help = "Train on random windows of this size [whole pictures]", .type_name = "HxW"},
      {"--augment,!--no-augment", &o.augment, "Change pictures at random, as --recipe says [yes]"},
      {"--recipe", &o.recipe,
       "standard: flips, scales with --crop, colours; camvid: larger scales; notes: aspect, scale on grey of --crop, hue; voc: "
       "windows of --crop without padding; topdown: also turns; none",
       recipe_names()},
      {"-c,--classes", &o.classes, "Number of classes [found out from the data]"},
      {"--ignore-index", &o.ignore_index, "Label of pixels outside loss and metrics [found out from the data]"},
  };
}

Size parse_size(const std::string& flag, const std::string& text) {
  Size size;
  const char* const end = text.data() + text.size();
  const auto [x, height_error] = std::from_chars(text.data(), end, size.height);
  bool good = height_error == std::errc() && x != end && *x == 'x';
  if (good) {
    const auto [last, width_error] = std::from_chars(x + 1, end, size.width);
    good = width_error == std::errc() && last == end && size.height >= 1 && size.width >= 1 && size.height <= 16384 &&
           size.width <= 16384;
  }
  check<UsageError>(good, "--{}: '{}' is no size. Write height x width in pixels, for example 360x480.", flag, text);
  return size;
}

void resolve(DataOptions& o) {
  if (o.dataset.empty()) o.dataset = o.folder.empty() ? "shapes" : "auto";
  const bool shapes = o.is_shapes();
  check<UsageError>(shapes || !o.folder.empty(), "--dataset {} needs --data DIR, the folder of the data set.", o.dataset);
  check<UsageError>(shapes || !o.samples, "--samples is for --dataset shapes.");
  const DataOptions plain;
  for (const auto& [flag, given] : {std::pair{"--data", !o.folder.empty()},
                                    {"--classes", o.classes.has_value()},
                                    {"--ignore-index", o.ignore_index.has_value()},
                                    {"--val-split", o.val_split.has_value()},
                                    {"--mask-suffix", o.mask_suffix != plain.mask_suffix},
                                    {"--mat-variable", o.mat_variable != plain.mat_variable},
                                    {"--skip-bad", o.skip_bad}})
    check<UsageError>(!shapes || !given, "{} is for data sets of files; the shapes are drawn, with 7 classes.", flag);
  check<UsageError>(!o.val_split || (*o.val_split > 0 && *o.val_split < 1), "--val-split: {}. The part held out, between 0 and 1.",
                    o.val_split.value_or(0));
  cache_size(o.cache);
  check<UsageError>(o.augment || o.recipe == plain.recipe || o.recipe == "none",
                    "--no-augment and --recipe {} say the opposite. Leave one out.", o.recipe);

  if (shapes) {
    o.samples = o.samples.value_or(4096);
    if (o.size.empty()) o.size = "64x64";
  }
  if (!o.size.empty()) {
    const Size size = parse_size("size", o.size);
    check<UsageError>(!shapes || (std::min(size.height, size.width) >= 16 && std::max(size.height, size.width) <= 4096),
                      "--size: {}. Shapes are drawn from 16x16 to 4096x4096.", o.size);
  }
  if (!o.crop.empty()) parse_size("crop", o.crop);
  make_recipe(o, 0);
  check<UsageError>(!o.samples || (*o.samples >= 1 && *o.samples <= 100'000'000), "--samples: {}. From 1 to 100000000.",
                    o.samples.value_or(0));
  check<UsageError>(!o.classes || (*o.classes >= 2 && *o.classes <= 256), "--classes: {}. From 2 to 256.", o.classes.value_or(0));
}

}  // namespace tessera::tools
