#include "tools/predictor.h"

#include <algorithm>

#include "core/grad_mode.h"
#include "core/ops.h"
#include "data/batch.h"
#include "data/paste.h"
#include "data/transforms.h"
#include "tools/precision.h"

namespace tessera::tools {
namespace {

// The best class of each pixel of scores [1, C, rows, W], into the rows from y on.
void put_classes(data::Label& label, int y, const Tensor& scores) {
  const Tensor ids = scores.argmax(1).cpu().contiguous();
  const int64_t* source = ids.data_ptr<int64_t>();
  std::transform(source, source + ids.numel(), label.ids.begin() + static_cast<std::ptrdiff_t>(y) * label.width,
                 [](int64_t id) { return static_cast<int32_t>(id); });
}

// A picture in the middle of a grey one, and where it lies there.
struct LetterBoxed {
  data::Image picture;
  int y, x, height, width;
};

LetterBoxed letter_box(const data::Image& image, const Size& size) {
  constexpr int32_t kOutside = 1;  // the label says where the picture is: 0
  data::RandomStream stream{0, 0, 0};
  const data::Sample sample =
      data::LetterBox{size.height, size.width, kOutside}({image, data::Label(image.height, image.width), ""}, stream);
  const auto first = std::find(sample.label.ids.begin(), sample.label.ids.end(), 0) - sample.label.ids.begin();
  const auto last = std::find(sample.label.ids.rbegin(), sample.label.ids.rend(), 0);
  const auto end = sample.label.ids.rend() - last - 1;
  const int y = static_cast<int>(first / size.width), x = static_cast<int>(first % size.width);
  return {sample.image, y, x, static_cast<int>(end / size.width) - y + 1, static_cast<int>(end % size.width) - x + 1};
}

}  // namespace

Predictor::Predictor(TrainedNetwork network, const PredictorOptions& options) : network_(std::move(network)), options_(options) {
  network_.module.ptr()->to(options_.device);
  network_.module.ptr()->eval();
}

Predictor::Predictor(const std::string& file, Device device) : Predictor(load_trained_network(file), {.device = device}) {}

Tensor Predictor::forward(const Tensor& pictures) const {
  const PrecisionScope precision(options_.device, options_.precision);
  return network_.module.forward(pictures.to(options_.device)).to(kFloat32);
}

Tensor Predictor::probabilities(const Tensor& pictures) const {
  const NoGradGuard no_grad;
  const auto of_view = [&](IntArrayRef dims) { return flip(softmax(forward(flip(pictures, dims)), 1), dims); };
  Tensor p = softmax(forward(pictures), 1);
  if (options_.flips == Flips::none) return p;
  p = p + of_view({3});
  if (options_.flips == Flips::horizontal) return p / 2;
  return (p + of_view({2}) + of_view({2, 3})) / 4;
}

Tensor Predictor::scores(const Tensor& pictures) const {
  const NoGradGuard no_grad;
  if (options_.flips == Flips::none) return forward(pictures);
  return log(clamp_min(probabilities(pictures), 1e-30));  // not log 0
}

void Predictor::scores_of(const data::Image& image, bool scaled, const Rows& rows) const {
  const NoGradGuard no_grad;
  const data::ClassInfo& classes = network_.classes;
  if (options_.window) {
    const auto network = [&](const Tensor& pictures) { return probabilities(pictures); };
    return slide(image, classes, *options_.window, network, [&](int y, const Tensor& p) { rows(y, log(clamp_min(p, 1e-30))); });
  }
  const auto back = [&](const Tensor& s) { rows(0, upsample_bilinear2d(s, {image.height, image.width}, false)); };
  if (!scaled && network_.letter_box) {
    const LetterBoxed boxed = letter_box(image, *network_.letter_box);
    const Tensor s = scores(data::to_tensor(boxed.picture, classes));
    return back(s.narrow(2, boxed.y, boxed.height).narrow(3, boxed.x, boxed.width));
  }
  if (scaled || !network_.size) return rows(0, scores(data::to_tensor(image, classes)));
  const data::Image fed = data::resize_bilinear(image, network_.size->height, network_.size->width);
  back(scores(data::to_tensor(fed, classes)));
}

data::Label Predictor::predict(const data::Image& image) const {
  data::Label label(image.height, image.width);
  scores_of(image, false, [&](int y, const Tensor& scores) { put_classes(label, y, scores); });
  return label;
}

data::Label Predictor::predict(const data::Image& image, Tensor& probabilities) const {
  data::Label label(image.height, image.width);
  probabilities = empty({network_.config.classes, image.height, image.width});
  scores_of(image, false, [&](int y, const Tensor& scores) {
    put_classes(label, y, scores);
    probabilities.narrow(1, y, scores.size(2)).copy_(softmax(scores, 1).squeeze(0).cpu());
  });
  return label;
}

data::Label Predictor::classify(const data::Image& image) const {
  data::Label label(image.height, image.width);
  scores_of(image, true, [&](int y, const Tensor& scores) { put_classes(label, y, scores); });
  return label;
}

}  // namespace tessera::tools
