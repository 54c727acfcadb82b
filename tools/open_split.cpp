#include "tools/open_split.h"

#include "data/open_dataset.h"
#include "data/shapes.h"
#include "data/subset.h"
#include "tools/datasets.h"
#include "tools/recipes.h"

namespace tessera::tools {
namespace {

std::shared_ptr<data::Dataset> joined(const std::vector<std::shared_ptr<const data::Dataset>>& parts) {
  return std::make_shared<data::ConcatDataset>(parts);
}

std::shared_ptr<data::Dataset> open_shapes(DataOptions options, uint64_t seed, const std::string& split) {
  check<ValueError>(split != "test", "the shapes have no split test. They have train and val.");
  const DataSets sets = open_datasets(options, 1, seed);
  if (split == "all") return joined({sets.train, sets.val});
  return joined({split == "train" ? sets.train : sets.val});
}

// A set that training split at random is split so again, so that no picture counts that training saw. But the folder may be
// another one now, with a split of its own, which open_dataset does not split again.
data::OpenedDataset open_again(const DataOptions& options, uint64_t seed) {
  data::OpenOptions open = open_options(options, seed);
  try {
    return data::open_dataset(options.folder, open);
  } catch (const ValueError&) {
    if (!open.files.val_split) throw;
    open.files.val_split.reset();
    return data::open_dataset(options.folder, open);
  }
}

std::shared_ptr<data::Dataset> open_files(const DataOptions& options, uint64_t seed, const std::string& split) {
  const data::OpenedDataset opened = open_again(options, seed);
  if (split != "all") return opened.split(split);
  std::vector<std::shared_ptr<const data::Dataset>> parts;
  for (const auto& [name, files] : opened.files.splits) parts.push_back(opened.split(name));
  return joined(parts);
}

}  // namespace

OpenedSplit open_split(const TrainOptions& options, const std::string& split) {
  const DataOptions& data = options.data;
  const uint64_t seed = options.optimization.seed;
  try {
    const auto dataset = data.is_shapes() ? open_shapes(data, seed, split) : open_files(data, seed, split);
    const Recipe recipe = make_recipe(data, static_cast<int32_t>(dataset->classes().ignore_index));
    dataset->set_transform(recipe.validation);
    return {dataset, recipe.one_size_validation};
  } catch (const FileError& error) {
    throw FileError(fmt::format("{} If the data set moved, name its folder with --data.", error.what()));
  }
}

}  // namespace tessera::tools
