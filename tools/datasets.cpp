#include "tools/datasets.h"

#include <algorithm>

#include "core/error.h"
#include "data/folder_dataset.h"
#include "data/shapes.h"

namespace tessera::tools {
namespace {

data::Compose resizing(const DataOptions& options) {
  if (options.is_shapes() || options.size.empty()) return {};
  const Size size = parse_size("size", options.size);
  return {{data::Resize{size.height, size.width}}};
}

data::Compose training_transform(const DataOptions& options, int32_t ignore_index) {
  data::Compose all = resizing(options);
  const bool augment = options.augment;
  if (augment) all.transforms.push_back(data::RandomHorizontalFlip{});
  if (!options.crop.empty()) {
    const Size size = parse_size("crop", options.crop);
    if (augment) all.transforms.push_back(data::RandomScaledCrop{0.75, 1.5, size.height, size.width, ignore_index});
    else all.transforms.push_back(data::RandomCrop{size.height, size.width, ignore_index});
  }
  if (augment && !options.is_shapes()) all.transforms.push_back(data::ColorJitter{0.2, 0.2, 0.2});
  return all;
}

template <class D> DataSets with_transforms(std::shared_ptr<D> train, std::shared_ptr<D> val, DataOptions& options) {
  const data::ClassInfo& info = train->classes();
  options.classes = info.num_classes();
  options.ignore_index = info.ignore_index;
  train->set_transform(training_transform(options, static_cast<int32_t>(info.ignore_index)));
  val->set_transform(resizing(options));
  return {std::move(train), std::move(val), 1, ""};
}

}  // namespace

DataSets open_datasets(DataOptions& options, int64_t batch_size, uint64_t seed) {
  if (options.is_shapes()) {
    const Size size = parse_size("size", options.size);
    data::ShapesOptions shapes{*options.samples, size.height, size.width, seed};
    const auto train = std::make_shared<data::ShapesDataset>(data::Split::train, shapes);
    shapes.count = std::max<int64_t>(1, shapes.count / 8);
    const auto val = std::make_shared<data::ShapesDataset>(data::Split::val, shapes);
    DataSets sets = with_transforms(train, val, options);
    sets.val_batch_size = batch_size;
    sets.explanation =
        fmt::format("{} drawn scenes to train on and {} held out, {} classes", train->size(), val->size(), *options.classes);
    return sets;
  }
  const data::DetectedClasses detected = data::detect_classes(options.folder, {options.classes, options.ignore_index});
  const auto train = std::make_shared<data::FolderDataset>(options.folder, data::Split::train, detected.info);
  const auto val = std::make_shared<data::FolderDataset>(options.folder, data::Split::val, detected.info);
  DataSets sets = with_transforms(train, val, options);
  if (!options.size.empty()) sets.val_batch_size = batch_size;
  sets.explanation = fmt::format("{} pictures to train on and {} held out; {}", train->size(), val->size(), detected.explanation);
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
