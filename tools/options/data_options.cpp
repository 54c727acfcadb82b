#include "tools/options/data_options.h"

#include <algorithm>
#include <charconv>

#include "tools/command.h"

namespace tessera::tools {

std::vector<Setting> data_settings(DataOptions& o) {
  return {
      {"--dataset",
       &o.dataset,
       "shapes: drawn scenes; folder: DIR/{train,val}/{images,labels} [folder with --data, else shapes]",
       {"shapes", "folder"}},
      {.flags = "--data",
       .field = &o.folder,
       .help = "The folder of --dataset folder",
       .type_name = "DIR",
       .free_on_resume = true},
      {"--samples", &o.samples, "Scenes to train on, of shapes; an eighth as many are held out [4096]"},
      {.flags = "--size",
       .field = &o.size,
       .help = "Scale all pictures to this size; of shapes, draw them so [64x64 for shapes]",
       .type_name = "HxW"},
      {.flags = "--crop", .field = &o.crop, .help = "Train on random windows of this size [whole pictures]", .type_name = "HxW"},
      {"--augment,!--no-augment", &o.augment, "Random flips; of a folder's pictures also colours and, with --crop, scales [yes]"},
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
  if (o.dataset.empty()) o.dataset = o.folder.empty() ? "shapes" : "folder";
  const bool shapes = o.is_shapes();
  check<UsageError>(shapes || !o.folder.empty(),
                    "--dataset folder needs --data DIR, a folder with train/images, train/labels, val/images, val/labels.");
  check<UsageError>(!shapes || o.folder.empty(), "--data is for --dataset folder; the shapes are drawn, not read.");
  check<UsageError>(shapes || !o.samples, "--samples is for --dataset shapes.");
  check<UsageError>(!shapes || !o.classes, "--classes is for --dataset folder; the shapes have 7 classes.");
  check<UsageError>(!shapes || !o.ignore_index, "--ignore-index is for --dataset folder.");

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
  check<UsageError>(!o.samples || (*o.samples >= 1 && *o.samples <= 100'000'000), "--samples: {}. From 1 to 100000000.",
                    o.samples.value_or(0));
  check<UsageError>(!o.classes || (*o.classes >= 2 && *o.classes <= 256), "--classes: {}. From 2 to 256.", o.classes.value_or(0));
}

}  // namespace tessera::tools
