#include "tools/scoring.h"

#include "data/loader.h"

namespace tessera::tools {
namespace {

// Counts one picture by itself and in the whole.
void add_picture(Scoring& scoring, const std::string& name, std::span<const int64_t> truth, std::span<const int64_t> prediction,
                 int64_t ignore_index) {
  data::ConfusionMatrix matrix(scoring.matrix.num_classes(), ignore_index);
  matrix.update(truth, prediction);
  scoring.matrix.merge(matrix);
  scoring.pictures.push_back({static_cast<int64_t>(scoring.pictures.size()), name, matrix.mean_iou(), matrix.pixel_accuracy()});
}

std::vector<int64_t> ids_of(const data::Label& label) { return {label.ids.begin(), label.ids.end()}; }

}  // namespace

Scoring score_dataset(const Predictor& predictor, const std::shared_ptr<const data::Dataset>& dataset,
                      const ScoringOptions& options, const std::function<void(int64_t pictures)>& after) {
  const int64_t classes = predictor.classes().num_classes(), ignore_index = dataset->classes().ignore_index;
  check<ValueError>(dataset->classes().num_classes() == classes,
                    "the network knows {} classes and the data set has {}. Give the data set that it was trained for.", classes,
                    dataset->classes().num_classes());
  Scoring scoring{data::ConfusionMatrix(classes, ignore_index), {}};
  if (predictor.options().window || options.original_size) {  // picture by picture: they may be large, and of any size
    for (int64_t i = 0; i < dataset->size(); ++i) {
      data::RandomStream stream{0, 0, static_cast<uint64_t>(i)};
      const data::Sample sample = options.original_size ? dataset->read(i) : dataset->get(i, stream);
      const data::Label label = options.original_size ? predictor.predict(sample.image) : predictor.classify(sample.image);
      add_picture(scoring, sample.name, ids_of(sample.label), ids_of(label), ignore_index);
      after(1);
    }
    return scoring;
  }
  // Normalised as the network knows it, whatever another data set says of its pixels.
  const auto collate = [&](const std::vector<data::Sample>& samples, const data::ClassInfo&) {
    data::Batch batch = data::make_batch(static_cast<int64_t>(samples.size()), samples[0].image.height, samples[0].image.width);
    for (size_t i = 0; i < samples.size(); ++i) data::put_sample(batch, static_cast<int64_t>(i), samples[i], predictor.classes());
    return batch;
  };
  data::DataLoader loader(dataset,
                          {.batch_size = options.batch_size, .workers = static_cast<int>(options.workers), .collate = collate});
  loader.start_epoch(0);
  while (const std::optional<data::Batch> batch = loader.next()) {
    const Tensor prediction = predictor.scores(batch->images).argmax(1).cpu().contiguous();
    const int64_t count = batch->labels.size(0), pixels = batch->labels.numel() / count;
    for (int64_t i = 0; i < count; ++i)
      add_picture(scoring, batch->names[i], {batch->labels.data_ptr<int64_t>() + i * pixels, static_cast<size_t>(pixels)},
                  {prediction.data_ptr<int64_t>() + i * pixels, static_cast<size_t>(pixels)}, ignore_index);
    after(count);
  }
  return scoring;
}

}  // namespace tessera::tools
