#include "tools/predictor.h"

#include "core/grad_mode.h"
#include "core/ops.h"
#include "data/batch.h"
#include "data/transforms.h"

namespace tessera::tools {
namespace {

data::Label to_label(const Tensor& ids) {  // int64 [H, W]
  const Tensor dense = ids.cpu().contiguous();
  data::Label label(static_cast<int>(ids.size(0)), static_cast<int>(ids.size(1)));
  const int64_t* source = dense.data_ptr<int64_t>();
  for (size_t i = 0; i < label.ids.size(); ++i) label.ids[i] = static_cast<int32_t>(source[i]);
  return label;
}

}  // namespace

Predictor::Predictor(const std::string& file, Device device)
    : checkpoint_(load_checkpoint(file)), device_(device), network_(make_network(checkpoint_.network)) {
  load_model(*network_.ptr(), checkpoint_.model, file);
  network_.ptr()->to(device);
  network_.ptr()->eval();
}

data::Label Predictor::predict(const data::Image& image) const {
  const NoGradGuard no_grad;
  const TrainOptions& options = checkpoint_.options;
  const bool resized = options.dataset == "folder" && !options.size.empty();
  const Size size = resized ? parse_size("size", options.size) : Size{image.height, image.width};
  const data::Image fed = resized ? data::resize_bilinear(image, size.height, size.width) : image;
  const Tensor scores = network_.forward(data::to_tensor(fed, checkpoint_.classes).to(device_));
  const data::Label label = to_label(scores.argmax(1)[0]);
  return resized ? data::resize_nearest(label, image.height, image.width) : label;
}

}  // namespace tessera::tools
