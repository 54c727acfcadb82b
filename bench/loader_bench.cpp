// How many pictures a second the loader makes: batches of 8 CamVid-sized crops, with the steps that they are made of.
//
// Decoding needs a picture of the CamVid set (TESSERA_SHARED_DIR, else ../shared) and is skipped without it. The rest works on drawn
// scenes of 360x480, kept decoded in a cache, as all epochs but the first have it. Rows of the loader count pictures a second of
// wall time; the others are one picture on one thread.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

#include "data/decode_cache.h"
#include "data/loader.h"
#include "data/paste.h"
#include "data/shapes.h"
#include "data/transforms.h"

namespace tessera::data {
namespace {

constexpr int kHeight = 352, kWidth = 480;

Compose camvid_recipe() {
  return {{RandomHorizontalFlip{}, RandomScaledCrop{0.75, 1.75, kHeight, kWidth, 11}, ColorJitter{0.2, 0.2, 0}}};
}

const std::shared_ptr<CachedDataset>& scenes() {
  static const auto cached = [] {
    const ShapesOptions options{.count = 64, .height = 360, .width = 480, .seed = 1};
    auto set = std::make_shared<CachedDataset>(std::make_shared<ShapesDataset>(Split::train, options), size_t{1} << 30);
    for (int64_t i = 0; i < set->size(); ++i) set->read(i);
    set->set_transform(camvid_recipe());
    return set;
  }();
  return cached;
}

void decode(benchmark::State& state) {
  const char* const shared = std::getenv("TESSERA_SHARED_DIR");
  const std::filesystem::path file =
      std::filesystem::path(shared ? shared : "../shared") / "data/camvid/train/images/0001TP_006690.jpg";
  if (!std::filesystem::exists(file)) return state.SkipWithError("no CamVid here");
  for (auto _ : state) benchmark::DoNotOptimize(read_image(file));
}
BENCHMARK(decode)->Name("loader/decode_jpeg")->Unit(benchmark::kMicrosecond);

void from_cache(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(scenes()->read(3));
}
BENCHMARK(from_cache)->Name("loader/from_cache")->Unit(benchmark::kMicrosecond);

template <class T> void transform(benchmark::State& state, const T& step) {
  const Sample sample = scenes()->read(3);
  RandomStream stream{1};
  for (auto _ : state) benchmark::DoNotOptimize(step(sample, stream));
}
BENCHMARK_CAPTURE(transform, scaled_crop, RandomScaledCrop{0.75, 1.75, kHeight, kWidth, 11})->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(transform, flip, RandomHorizontalFlip{1.0})->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(transform, brightness_contrast, ColorJitter{0.2, 0.2, 0})->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(transform, brightness_contrast_saturation, ColorJitter{0.2, 0.2, 0.2})->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(transform, hsv, HsvJitter{})->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(transform, aspect_paste, RandomAspectPaste{kHeight, kWidth, 11})->Unit(benchmark::kMicrosecond);

void normalise(benchmark::State& state) {
  RandomStream stream{1};
  const Sample sample = RandomCrop{kHeight, kWidth}(scenes()->read(3), stream);
  Batch batch = make_batch(8, kHeight, kWidth);
  int64_t place = 0;
  for (auto _ : state) put_sample(batch, place++ % 8, sample, scenes()->classes());
}
BENCHMARK(normalise)->Name("loader/normalise")->Unit(benchmark::kMicrosecond);

// Batches of an epoch, by state.range(0) workers.
void load(benchmark::State& state) {
  DataLoader loader(scenes(), {.batch_size = 8, .shuffle = true, .workers = static_cast<int>(state.range(0))});
  int64_t pictures = 0, epoch = 0;
  for (auto _ : state) {
    loader.start_epoch(epoch++);
    while (const auto batch = loader.next()) pictures += batch->labels.size(0);
  }
  state.SetItemsProcessed(pictures);
}
BENCHMARK(load)
    ->Name("loader/batches")
    ->Arg(0)
    ->Arg(1)
    ->Arg(2)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tessera::data
