#include "tools/datasets.h"

#include <algorithm>

#include "core/error.h"
#include "data/decode_cache.h"
#include "data/open_dataset.h"
#include "data/shapes.h"
#include "tools/memory_size.h"
#include "tools/recipes.h"

namespace tessera::tools {
namespace {

// The splits with the cache shared out by their sizes, and the transforms on top of it.
DataSets finished(const std::shared_ptr<const data::Dataset>& train, const std::shared_ptr<const data::Dataset>& val,
                  DataOptions& options, int64_t batch_size) {
  const data::ClassInfo& info = train->classes();
  options.classes = info.num_classes();
  options.ignore_index = info.ignore_index;
  const auto capacity = static_cast<double>(cache_size(options.cache));
  const auto cached = [&](const std::shared_ptr<const data::Dataset>& set, data::Transform transform) {
    const double share = static_cast<double>(set->size()) / static_cast<double>(train->size() + val->size());
    auto with_cache = std::make_shared<data::CachedDataset>(set, static_cast<size_t>(capacity * share));
    with_cache->set_transform(std::move(transform));
    return with_cache;
  };
  const Recipe recipe = make_recipe(options, static_cast<int32_t>(info.ignore_index));
  return {cached(train, recipe.training), cached(val, recipe.validation), recipe.one_size_validation ? batch_size : 1, "", {}};
}

DataSets open_shapes(DataOptions& options, int64_t batch_size, uint64_t seed) {
  const Size size = parse_size("size", options.size);
  data::ShapesOptions shapes{*options.samples, size.height, size.width, seed};
  const auto train = std::make_shared<data::ShapesDataset>(data::Split::train, shapes);
  shapes.count = std::max<int64_t>(1, shapes.count / 8);
  const auto val = std::make_shared<data::ShapesDataset>(data::Split::val, shapes);
  DataSets sets = finished(train, val, options, batch_size);
  sets.explanation =
      fmt::format("{} drawn scenes to train on and {} held out, {} classes", train->size(), val->size(), *options.classes);
  return sets;
}

}  // namespace

data::OpenOptions open_options(const DataOptions& options, uint64_t seed) {
  data::OpenOptions open;
  if (options.dataset != "auto") open.files.format = options.dataset;
  if (options.mask_suffix != "auto") open.files.mask_suffix = options.mask_suffix;
  open.files.val_split = options.val_split;
  open.files.seed = seed;
  open.classes = {options.classes, options.ignore_index, options.mat_variable};
  open.skip_bad = options.skip_bad;
  return open;
}

DataSets open_datasets(DataOptions& options, int64_t batch_size, uint64_t seed) {
  if (options.is_shapes()) return open_shapes(options, batch_size, seed);
  data::OpenedDataset opened = data::open_dataset(options.folder, open_options(options, seed));
  options.dataset = opened.files.format;
  if (make_recipe(options, 0).no_padding) {
    const Size window = parse_size("crop", options.crop);
    opened.leave_out_smaller("train", window.height, window.width);
  }
  const auto train = opened.split("train"), val = opened.split("val");
  DataSets sets = finished(train, val, options, batch_size);
  sets.explanation = fmt::format("{} pictures to train on and {} held out; {}", train->size(), val->size(), opened.explanation);
  sets.left_out = std::move(opened.left_out);
  return sets;
}

std::vector<float> median_frequency_weights(const data::Dataset& dataset) {
  const int64_t classes = dataset.classes().num_classes();
  std::vector<int64_t> pixels(classes), pixels_of_pictures(classes);
  for (int64_t i = 0; i < dataset.size(); ++i) {
    std::vector<int64_t> counts(classes);
    int64_t labelled = 0;
    for (int32_t id : dataset.read(i).label.ids) {
      if (id < 0 || id >= classes) continue;
      ++counts[id];
      ++labelled;
    }
    for (int64_t c = 0; c < classes; ++c) {
      pixels[c] += counts[c];
      if (counts[c] > 0) pixels_of_pictures[c] += labelled;
    }
  }
  std::vector<double> frequencies;
  for (int64_t c = 0; c < classes; ++c)
    if (pixels[c] > 0) frequencies.push_back(static_cast<double>(pixels[c]) / static_cast<double>(pixels_of_pictures[c]));
  check<ValueError>(!frequencies.empty(), "--class-weights median: no training label has a pixel of any class.");
  std::vector<double> sorted = frequencies;
  std::sort(sorted.begin(), sorted.end());
  const size_t middle = sorted.size() / 2;
  const double median = sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;

  std::vector<float> weights(classes, 0.0f);
  for (int64_t c = 0, present = 0; c < classes; ++c)
    if (pixels[c] > 0) weights[c] = static_cast<float>(median / frequencies[present++]);
  return weights;
}

}  // namespace tessera::tools
