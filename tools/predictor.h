// A trained network, ready for pictures.
#pragma once

#include "data/image.h"
#include "tools/sliding_window.h"
#include "tools/trained_network.h"

namespace tessera::tools {

// Test-time augmentation: the probabilities are the mean over the picture and its mirror images.
enum class Flips { none, horizontal, all };  // all: also upside down, and both: four views

struct PredictorOptions {
  Device device = kCPU;
  std::string precision = "fp32";  // tools/precision.h
  Flips flips = Flips::none;
  std::optional<SlidingWindow> window = {};  // tiles, and pictures at their own scale
};

class Predictor {
 public:
  explicit Predictor(TrainedNetwork network, const PredictorOptions& options = {});
  // Of a checkpoint of `tessera train`.
  explicit Predictor(const std::string& file, Device device = kCPU);

  // Normalised pictures [N, 3, H, W] of any device to scores [N, C, H, W] on the predictor's, whose softmax over dimension 1 are
  // the classes' probabilities. The network's own scores without flips.
  Tensor scores(const Tensor& pictures) const;

  // The class of each pixel of a picture of any size. If training scaled all pictures to one size, or into one letter box, and
  // there is no window, this one is scaled so, too, and the scores back.
  data::Label predict(const data::Image& image) const;
  // The same with the classes' probabilities [C, H, W], float32 on the cpu.
  data::Label predict(const data::Image& image, Tensor& probabilities) const;
  // The class of each pixel of a picture that is scaled as the network wants it.
  data::Label classify(const data::Image& image) const;

  const data::ClassInfo& classes() const { return network_.classes; }
  const TrainedNetwork& network() const { return network_; }
  const PredictorOptions& options() const { return options_; }

 private:
  using Rows = std::function<void(int y, const Tensor& scores)>;
  void scores_of(const data::Image& image, bool scaled, const Rows& rows) const;
  Tensor forward(const Tensor& pictures) const;
  Tensor probabilities(const Tensor& pictures) const;

  TrainedNetwork network_;
  PredictorOptions options_;
};

}  // namespace tessera::tools
