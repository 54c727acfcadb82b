#include "tools/foreground.h"

#include "tools/command.h"

namespace tessera::tools {
namespace {

constexpr int64_t kIgnore = 255;

class ForegroundDataset : public data::Dataset {
 public:
  ForegroundDataset(std::shared_ptr<const data::Dataset> dataset, int64_t background)
      : dataset_(std::move(dataset)), background_(background) {
    const data::ClassInfo& all = dataset_->classes();
    classes_ = all;
    classes_.names = {all.names[background], "foreground"};
    classes_.palette = data::voc_palette(256);
    classes_.ignore_index = kIgnore;
  }

  int64_t size() const override { return dataset_->size(); }
  data::Sample read(int64_t index) const override { return mapped(dataset_->read(index)); }
  // The transform is the data set's own, made for the labels of all classes.
  data::Sample get(int64_t index, data::RandomStream& stream) const override { return mapped(dataset_->get(index, stream)); }

 private:
  data::Sample mapped(data::Sample sample) const {
    const data::ClassInfo& all = dataset_->classes();
    for (int32_t& id : sample.label.ids) {
      if (id == all.ignore_index)
        id = kIgnore;
      else if (id >= 0 && id < all.num_classes())
        id = id == background_ ? 0 : 1;
    }
    return sample;
  }

  std::shared_ptr<const data::Dataset> dataset_;
  int64_t background_;
};

}  // namespace

std::shared_ptr<const data::Dataset> foreground_of(std::shared_ptr<const data::Dataset> dataset, int64_t background) {
  const int64_t classes = dataset->classes().num_classes();
  check<UsageError>(background >= 0 && background < classes, "--background: {}. A class from 0 to {}.", background, classes - 1);
  return std::make_shared<ForegroundDataset>(std::move(dataset), background);
}

}  // namespace tessera::tools
